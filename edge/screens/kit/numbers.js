// Money, quantities and times in the cashier's language. Amounts are integers of the smallest unit.
import { locale } from "./words.js";

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** The format of the language now; to make one takes as long as fifty of what it writes. @param {string} kind @param {Intl.NumberFormatOptions} [options] */
function format(kind, options) {
  const key = `${locale()} ${kind}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.NumberFormat(locale(), options);
    formats.set(key, made);
  }
  return made;
}

/** @param {string} currency */
const moneyFormat = (currency) => format(currency || "XXX", { style: "currency", currency: currency || "XXX" });

/** How many decimals a currency has: 2 for the euro, 0 for the yen. @param {string} currency */
export const decimals = (currency) => moneyFormat(currency).resolvedOptions().maximumFractionDigits ?? 2;

/** @param {number} minor @param {string} currency */
export const money = (minor, currency) => moneyFormat(currency).format(minor / 10 ** decimals(currency));

/** A quantity of thousandths: `3`, or `0.742 kg` with a no-break space. @param {number} thousandths @param {string} unit */
export function quantity(thousandths, unit) {
  if (unit !== "kg") return format("plain").format(thousandths / 1000);
  return `${format("weight", { minimumFractionDigits: 3 }).format(thousandths / 1000)}\u00a0kg`;
}

/** What parts whole numbers from decimals: a point, a comma. */
export const decimalSign = () => format("plain").formatToParts(0.5).find((part) => part.type === "decimal")?.value ?? ".";
/** What so much costs, ties up: as the box counts it. @param {number} price_minor for a piece or kilogram @param {number} thousandths */
export const extended = (price_minor, thousandths) => Math.floor((price_minor * thousandths * 2 + 1000) / 2000);

/**
 * Hours and minutes of an instant, or of now. Our languages all write them so; `Intl`, which says the
 * same, takes 30 ms the first time, and the first thing that a till shows is what time it is.
 * @param {number | Date} at milliseconds since 1970
 */
export function clock(at) {
  const then = new Date(at);
  return [then.getHours(), then.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** A day and its time, as the language writes them. @param {number} at milliseconds since 1970 */
export const day = (at) => new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(at);

/**
 * Amounts a customer is likely to hand over for what is due, rising: round sums of notes.
 * @param {number} due in minor units @param {string} currency @param {number} [count]
 */
export function likelyCash(due, currency, count = 3) {
  const one = 10 ** decimals(currency);
  const notes = [5, 10, 20, 50, 100, 200, 500].map((note) => note * (decimals(currency) === 0 ? 100 : one));
  const sums = new Set(notes.map((note) => Math.ceil((due + 1) / note) * note));
  return [...sums].sort((a, b) => a - b).slice(0, count);
}

/** An article's name with its number kept to its unit: "1 l" never breaks. @param {string} name */
export const unbroken = (name) => name.replace(/(\d) (?=\p{L}{1,3}(?:\P{L}|$))/gu, "$1\u00a0");
