// What a customer display knows: what the box lets a customer see, and which language was asked for.
import { computed, signal } from "@preact/signals";
import { nearest } from "../kit/words.js";

/** @typedef {import("./protocol").CustomerDisplayView} CustomerDisplayView */
/** @typedef {import("../kit/words.js").Language} Language */

/** How long a finished sale stays for a customer who is slow, unless the next one begins. */
const DONE_MS_MAX = 120_000;

export const view = signal(/** @type {CustomerDisplayView | null} */ (null));
/** `opening` until the box was heard; `stranger` where the device is no till. */
export const link = signal(/** @type {"opening" | "there" | "lost" | "stranger"} */ ("opening"));
/** What the customer chose, for this sale alone. */
export const chosen = signal(/** @type {Language | null} */ (null));
const over = signal(false);

/** Which picture is shown; the style sheet goes by it. */
export const screen = computed(() => {
  const now = view.value;
  if (link.value !== "there" || !now) return link.value === "there" ? "opening" : link.value;
  if (now.weighing) return "weighing";
  return now.state === "done" && over.value ? (now.language ? "ready" : "closed") : now.state;
});

/** The customer's own; else the cashier's; else the device's. */
export const spoken = computed(() => chosen.value ?? nearest(view.value?.language ?? "") ?? nearest(navigator.language) ?? "en");

/** @type {ReturnType<typeof setTimeout> | undefined} */
let forgetting;

/** Takes what the box says now. @param {CustomerDisplayView} next */
export function take(next) {
  const before = view.value;
  // a choice made while the till waits is for the sale that follows; each sale ends with its own
  if (before && before.began_at !== 0 && before.began_at !== next.began_at) chosen.value = null;
  if (before?.state !== next.state || before.began_at !== next.began_at) {
    clearTimeout(forgetting);
    over.value = false;
    if (next.state === "done") forgetting = setTimeout(forget, DONE_MS_MAX);
  }
  view.value = next;
}

function forget() {
  over.value = true;
  chosen.value = null;
}

/** @param {Language} language */
export function choose(language) {
  chosen.value = language;
  if (screen.value === "ready" || screen.value === "closed") {
    clearTimeout(forgetting);
    forgetting = setTimeout(forget, DONE_MS_MAX);
  }
}
