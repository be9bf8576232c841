// Figures with their units, as the language writes them.
import { locale } from "../kit/words.js";

const KILO = 1000;
const BYTES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const MIB = 1_048_576;
/** @type {readonly [string, number][]} */
const SPANS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** @param {number} value @param {string} unit @param {Intl.NumberFormatOptions} [more] */
const united = (value, unit, more) => new Intl.NumberFormat(locale(), { style: "unit", unit, ...more }).format(value);

/** @param {number} count */
export const whole = (count) => new Intl.NumberFormat(locale()).format(count);

/** @param {number} count */
export function bytes(count) {
  const step = Math.min(BYTES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, count)) / 3)));
  const value = count / KILO ** step;
  return united(value, BYTES[step] ?? "byte", { maximumFractionDigits: value < 10 && step ? 1 : 0, unitDisplay: step ? "short" : "long" });
}

/** @param {number} count of MiB, as the box says it */
export const mebibytes = (count) => bytes(count * MIB);
/** @param {number} degrees */
export const celsius = (degrees) => united(degrees, "celsius");
/** @param {number} count */
export const seconds = (count) => united(count, "second", { unitDisplay: "narrow" });

/** For how long, in its largest unit. @param {number} s */
export function span(s) {
  const [unit, length] = SPANS.find(([, each]) => s >= each) ?? ["second", 1];
  return united(Math.floor(s / length), unit, { unitDisplay: "long" });
}
