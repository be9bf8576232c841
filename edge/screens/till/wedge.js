// Keyboard-wedge scanners type like a very fast person: a burst that ends with Enter or Tab is a scan,
// wherever the focus is, and leaves no trace where it was typed.
import { batch } from "@preact/signals";
import { amountDigits, nextQuantity, padDigits, typed } from "./store.js";

export const GAP_MS_MAX = 35;
/** Inside a receipt's code: some 400 signs come, and nobody types its beginning. One late key must not cut it in two. */
export const GAP_MS_MAX_IN_CODE = 500;
const CODE_BEGINS = "TILLBOX";
const CHARS_MIN = 3;

/** @typedef {{text: string, last: number, field: HTMLInputElement | null, value: string, kept: [string, string, string, number]}} Burst */
/** @type {Burst | null} */
let burst = null;

/** How many bursts were scans. */
export let scansHeard = 0;

/** @param {(code: string) => void} scanned @param {() => boolean} listening */
export function listenToWedge(scanned, listening) {
  addEventListener("keydown", (event) => hear(event, scanned, listening), { capture: true });
}

/** @param {Burst} begun */
const gapMax = (begun) => (begun.text.startsWith(CODE_BEGINS) ? GAP_MS_MAX_IN_CODE : GAP_MS_MAX);

/** @param {KeyboardEvent} event @param {(code: string) => void} scanned @param {() => boolean} listening */
function hear(event, scanned, listening) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const gap = burst ? event.timeStamp - burst.last : Infinity;
  if ((event.key === "Enter" || event.key === "Tab") && burst && gap < gapMax(burst) && burst.text.length >= CHARS_MIN) {
    if (!listening()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const { text } = burst;
    restore(burst);
    burst = null;
    scansHeard += 1;
    scanned(text);
    return;
  }
  if (event.key.length !== 1) return;
  if (!burst || gap >= gapMax(burst)) burst = begin(event);
  burst.text += event.key;
  burst.last = event.timeStamp;
}

/** Whether the key that is being pressed belongs to a burst already: then it is no shortcut. */
export const inBurst = () => burst !== null && burst.text.length > 1;

/** @param {KeyboardEvent} event @returns {Burst} */
function begin(event) {
  const field = event.target instanceof HTMLInputElement ? event.target : null;
  const kept = /** @type {[string, string, string, number]} */ ([typed.value, padDigits.value, amountDigits.value, nextQuantity.value]);
  return { text: "", last: event.timeStamp, field, value: field?.value ?? "", kept };
}

/** @param {Burst} before */
function restore(before) {
  batch(() => {
    [typed.value, padDigits.value, amountDigits.value, nextQuantity.value] = before.kept;
  });
  if (!before.field) return;
  before.field.value = before.value;
  before.field.dispatchEvent(new Event("input", { bubbles: true })); // whoever keeps what is typed there
}
