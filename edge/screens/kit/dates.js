// Calendar days without a time: `2008-11-26`. Shown and typed in the order of the language.
import { language, locale } from "./words.js";

/** @typedef {"day" | "month" | "year"} DatePart */

const DIGITS = /** @type {Readonly<Record<DatePart, number>>} */ (Object.freeze({ day: 2, month: 2, year: 4 }));
export const DATE_DIGITS = 8;

/** English has two orders: the day first, as on documents outside the United States. */
const dateLocale = () => (language() === "en" ? "en-GB" : locale());

/** @param {string} iso */
const instant = (iso) => new Date(`${iso}T00:00:00Z`);

/** With the month as a word, so that nobody takes it for the day. @param {string} iso */
export const longDate = (iso) => new Intl.DateTimeFormat(dateLocale(), { dateStyle: "long", timeZone: "UTC" }).format(instant(iso));

const digitsFormat = () => new Intl.DateTimeFormat(dateLocale(), { day: "2-digit", month: "2-digit", year: "numeric", timeZone: "UTC" });

/** In digits, as it is typed. @param {string} iso */
export const shortDate = (iso) => digitsFormat().format(instant(iso));

/** @returns {DatePart[]} */
const order = () => /** @type {DatePart[]} */ (digitsFormat().formatToParts(instant("2000-01-01")).map((part) => part.type).filter((type) => type in DIGITS));

/** Digits as far as they are typed, in their places. @param {string} digits */
export function dateSoFar(digits) {
  let rest = digits;
  return digitsFormat()
    .formatToParts(instant("2000-01-01"))
    .map((part) => {
      if (!(part.type in DIGITS)) return part.value;
      const length = DIGITS[/** @type {DatePart} */ (part.type)];
      const typed = rest.slice(0, length);
      rest = rest.slice(length);
      return typed.padEnd(length, "\u2012"); // as wide as a digit
    })
    .join("");
}

/** The day that eight digits name, whether or not there is one. @param {string} digits */
export function typedDate(digits) {
  const parts = { day: "", month: "", year: "" };
  let at = 0;
  for (const part of order()) {
    parts[part] = digits.slice(at, at + DIGITS[part]);
    at += DIGITS[part];
  }
  return `${parts.year}-${parts.month}-${parts.day}`;
}
