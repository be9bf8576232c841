// The end of a terminal's day in words: how it went, what to do next, and whether somebody has to.
import { money } from "../kit/numbers.js";
import { isWord, say } from "./technician_words.js";

/** @typedef {import("./protocol").TerminalDayView} Day */

const DIFFERS = new Set(["day_more", "day_less"]);

/** @param {Day} day */
export function dayWords(day) {
  const sum = (/** @type {number} */ minor) => money(Math.abs(minor), day.currency);
  const params = { amount: sum(day.amount_minor), ledger: sum(day.ledger_minor), difference: sum(day.difference_minor) };
  const next = DIFFERS.has(day.code) ? "day_differs_next" : `${day.code}_next`;
  return {
    words: isWord(day.code) ? say(day.code, params) : day.words,
    next: isWord(next) ? say(next) : isWord(day.code) ? "" : day.advice,
    own: day.reason,
  };
}
