// The keys of the return desk: arrows choose a line, space takes it whole, plus, minus and digits count, Enter goes on.
import { say } from "../kit/words.js";
import { changeReturn, chooseArticle, findTyped, lineAt, pick, RETURN_REASONS, sendReturn, stepPick, takeCode } from "./returns.js";
import * as store from "./store.js";

/** @typedef {import("./store").Returning} Returning */

/** Alt and a number chooses a reason. @param {number} number */
export function chooseReason(number) {
  const word = RETURN_REASONS[number - 1];
  if (word) changeReturn({ reason: say(word) });
}

/** @param {Returning} now @param {number} step */
function moveLine(now, step) {
  const all = now.sold?.lines ?? [];
  const at = all.findIndex((line) => line.line_id === now.at);
  const next = all[Math.max(0, Math.min(all.length - 1, at + step))];
  if (!next) return;
  changeReturn({ at: next.line_id });
  const row = document.querySelector(`.sold__key[data-line="${CSS.escape(next.line_id)}"]`);
  if (row instanceof HTMLElement) row.focus();
}

/** @param {Returning} now @param {number} step */
function moveFound(now, step) {
  const last = (now.found?.length ?? 0) - 1;
  changeReturn({ foundAt: Math.max(0, Math.min(last, now.foundAt + step)) });
}

/** @param {KeyboardEvent} event @param {Returning} now */
function enter(event, now) {
  const row = event.target instanceof HTMLElement && event.target.matches(".sold__key");
  if (event.repeat || (event.target instanceof HTMLButtonElement && !row)) return false; // a focused key answers Enter itself
  if (now.step === "find") findTyped();
  else if (now.step === "item" && !now.article) {
    const found = now.found?.[now.foundAt];
    if (found) chooseArticle(found);
    else if (now.text.trim()) void takeCode(now.text.trim());
    else sendReturn();
  } else sendReturn();
  return true;
}

/** @param {KeyboardEvent} event @param {Returning} now */
export function inReturning(event, now) {
  const steps = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
  const step = steps[/** @type {keyof typeof steps} */ (event.key)];
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "Enter") {
    if (!enter(event, now)) return;
  } else if (step && now.step === "sold" && !(typing && Math.abs(step) > 1)) moveLine(now, step);
  else if (step && now.step === "item" && now.found?.length) moveFound(now, step);
  else if (typing || event.key.length !== 1 || event.key === " ") return;
  else if (now.step === "sold" && (event.key === "+" || event.key === "-")) stepPick(lineAt(), event.key === "+" ? 1 : -1);
  else if (now.step === "item" && now.article?.unit === "piece" && (event.key === "+" || event.key === "-")) changeReturn({ quantity: Math.max(1000, now.quantity + (event.key === "+" ? 1000 : -1000)) });
  else if (now.step === "sold" && /^\d$/.test(event.key)) {
    const line = lineAt();
    if (line && line.unit !== "kg") pick(line, Number(event.key) * 1000);
  } else {
    // letters go to the field that is still to be filled
    document.getElementById(now.step === "find" || (now.step === "item" && !now.article) ? "return-text" : "return-reason")?.focus();
    return;
  }
  event.preventDefault();
}
