// Price check: what something costs, without selling it. The box knows that it is open, because the box decides
// where a scan goes: the sheet is there exactly as long as the view has the price check.
import { effect, signal, untracked } from "@preact/signals";
import { money, unbroken } from "../kit/numbers.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { ask, Silence } from "./box_api.js";
import { refusalWords, takeView, tell, why } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").TillView} TillView */
/** @typedef {import("./protocol").ArticleView} ArticleView */

const AGAIN_MS = 1_000;
/** A code is digits alone, or has them with the signs of an own number: no search is needed. */
const CODE = /^[\d-]{3,}$|^\d+$/;

/** What is typed into the sheet, what a search for it found, and what hindered the last question. */
export const typedCode = signal("");
export const foundHere = signal(/** @type {{text: string, articles: ArticleView[]} | null} */ (null));
export const fault = signal("");

const path = () => `/api/v1/tills/${encodeURIComponent(store.session.value?.till ?? "")}/price-check`;

/** The box was asked to open a price check and has not answered: a sheet that was closed meanwhile stays closed. */
let opening = false;

/** Opens the sheet: from the box's answer on, scans go there. */
export async function openPriceCheck() {
  if (store.sheet.value === "price") return;
  if (store.boxLostSince.value !== null) return tell(`${say("box_lost_title")} ${say("price_lost")}`, "person");
  typedCode.value = fault.value = "";
  foundHere.value = null;
  store.sheet.value = "price";
  opening = true;
  await look("");
  opening = false;
  if (store.sheet.value !== "price") await endPriceCheck(true);
}

/** Asks the box for a code; for none: only that scans go there. @param {string} code */
export async function look(code) {
  fault.value = "";
  foundHere.value = null;
  const typed = typedCode.value;
  try {
    await ask("POST", path(), { code }); // what it costs comes with the view, as after a scan
    if (typedCode.value === typed) typedCode.value = ""; // else the next one is being typed already
  } catch (error) {
    fault.value = why(error);
    sound("refused");
  }
}

/** What was typed is a code, or words that some articles are called by. */
export async function lookTyped() {
  const text = typedCode.value.trim();
  if (text === "") return undefined;
  if (text.length < 2 || CODE.test(text)) return look(text);
  try {
    const { articles } = /** @type {{articles: ArticleView[]}} */ (await ask("GET", `/api/v1/articles?q=${encodeURIComponent(text)}`));
    if (articles.length === 1 && articles[0]) return look(articles[0].code);
    if (articles.length === 0) return look(text); // an own number with letters; if it is none, the box says so
    foundHere.value = { text, articles };
  } catch (error) {
    fault.value = why(error);
  }
  return undefined;
}

/** Ends it at the box; until the box has heard of it, it is told again. @param {boolean} [opened] the view may not say so yet */
async function endPriceCheck(opened = false) {
  while (store.sheet.value !== "price" && (opened || store.view.value?.price_check)) {
    try {
      takeView(await ask("DELETE", path()));
      return;
    } catch (error) {
      if (!(error instanceof Silence)) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/**
 * A view came: the sheet opens with the price check (this page was loaded anew, or it is another screen of this
 * till) and closes with it. What was looked up behind a closed sheet is said: no scan goes unseen.
 * @param {TillView | null} before @param {TillView} next
 */
function follow(before, next) {
  const was = before?.price_check ?? null;
  const now = next.price_check;
  if (now && !was && store.sheet.value !== "price" && !opening) {
    typedCode.value = fault.value = "";
    foundHere.value = null;
    store.sheet.value = "price";
  } else if (!now && was && store.sheet.value === "price") {
    store.sheet.value = null;
    tell(say("price_check_over"), "");
  }
  if (!now || !now.code || now.serial === was?.serial) return;
  if (now.refused) sound("refused");
  if (store.sheet.value === "price") return;
  const words = now.price ? `${unbroken(now.price.name)}: ${money(now.price.now_minor, now.price.currency)}` : refusedWords(now.refused);
  tell(`${say("price_check")}: ${words}`, "");
}

// the sheet ends it, however it was closed and however soon
let open = false;
effect(() => {
  const was = open;
  open = store.sheet.value === "price";
  if (was && !open && !opening) untracked(() => void endPriceCheck());
});

let seen = /** @type {TillView | null} */ (null);
effect(() => {
  const next = store.view.value;
  const before = seen;
  seen = next;
  if (next) untracked(() => follow(before, next));
});

/** @param {import("./protocol").RefusalBody | null} refused */
export const refusedWords = (refused) => (refused ? refusalWords(refused.code, `${refused.message} ${refused.advice}`.trim(), refused.params) : "");
