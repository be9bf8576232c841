// Discounts in words: what comes off, of what, and why.
import { money } from "../kit/numbers.js";
import { locale } from "../kit/words.js";

const PPM = 1_000_000;

/** A part in percent, as the language writes it. @param {number} ppm */
export const percent = (ppm) => new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 2 }).format(ppm / PPM);

/** What a discount takes off: `10%`, or a sum. @param {{off_ppm?: number, off_minor?: number}} given @param {string} currency */
export const off = (given, currency) => (given.off_ppm ? percent(given.off_ppm) : money(given.off_minor ?? 0, currency));
