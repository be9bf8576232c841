// The desk while selling: search and scan box, message line, quick keys or what takes their place, actions.
import { signal, useSignalEffect } from "@preact/signals";
import { quantity } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { ask } from "./box_api.js";
import { AgeDesk } from "./age_desk.js";
import { ageShown } from "./ages.js";
import { abandon, askQuantity, comesBack, countable, lineHindered, multiply, openPad, closePad, sell, sellArticle, voidLine } from "./doings.js";
import { askDiscount, askDrawer, hasDrawer } from "./by_hand.js";
import { DepartmentDesk } from "./department_desk.js";
import { takesEmpties } from "./empties.js";
import { EmptiesDesk } from "./empties_desk.js";
import { HandDesk } from "./hand_desk.js";
import { keyName, keys } from "./keyboard.js";
import { MessageLine } from "./message_line.js";
import { ParkDesk, ResumeDesk } from "./park_desk.js";
import { askPark, askResume, parkedHere, parkHindered, resumeHindered } from "./parking.js";
import { ReturnDesk } from "./return_desk.js";
import { askReturn, returnHindered } from "./returns.js";
import { EntryPad } from "./entry_pad.js";
import { TrackDesk } from "./track_desk.js";
import { WeighStep } from "./weigh_step.js";
import { Found, QuickKeys } from "./quick_keys.js";
import { signOut } from "./access.js";
import * as store from "./store.js";

const TYPING_MS = 120;
/** A code is digits alone, or has them with the signs of an own number: no search is needed. */
const CODE = /^[\d-]{3,}$|^\d+$/;

/** @type {import("@preact/signals").Signal<{text: string, articles: import("./protocol").ArticleView[]} | null>} */
export const found = signal(null);
export const foundAt = signal(0);

function useSearch() {
  useSignalEffect(() => {
    const text = store.typed.value.trim();
    if (text.length < 2 || CODE.test(text)) {
      found.value = null;
      return undefined;
    }
    const timer = setTimeout(() => {
      ask("GET", `/api/v1/articles?q=${encodeURIComponent(text)}`).then(
        ({ articles }) => {
          if (store.typed.peek().trim() !== text) return;
          found.value = { text, articles };
          foundAt.value = 0;
          answered(text);
        },
        () => (found.value = null),
      );
    }, TYPING_MS);
    return () => clearTimeout(timer);
  });
}

/** Enter was pressed before the search for this text had its answer: the answer carries it out. */
let entered = "";

function enter() {
  const text = store.typed.value.trim();
  if (text === "") return;
  if (text.length < 2 || CODE.test(text)) {
    sell(text);
    return;
  }
  const now = found.value?.text === text ? found.value : null; // never what was found for other letters
  const chosen = now?.articles[foundAt.value];
  if (chosen) sellArticle(chosen);
  else if (now) sell(text);
  else entered = text;
}

/** @param {string} text */
function answered(text) {
  const all = found.value?.articles ?? [];
  const wished = entered === text;
  entered = "";
  if (!wished) return;
  if (all.length === 0) sell(text);
  else if (all.length === 1 && all[0]) sellArticle(all[0]); // several: the cashier looks, and presses Enter again
}

/** @param {KeyboardEvent} event */
function inField(event) {
  if (store.pad.value && store.pad.value.kind !== "code") return; // the field kept the focus, the keys are the pad's
  const articles = found.value?.articles ?? [];
  if (event.key === "Enter") enter();
  else if (articles.length && event.key === "ArrowDown") foundAt.value = Math.min(articles.length - 1, foundAt.value + 1);
  else if (articles.length && event.key === "ArrowUp") foundAt.value = Math.max(0, foundAt.value - 1);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function FindBox() {
  const n = quantity(store.nextQuantity.value, "piece");
  const times = () => {
    if (multiply(store.typed.value)) return;
    if (store.nextQuantity.value !== 1000) store.nextQuantity.value = 1000;
    else openPad({ kind: "code" });
  };
  const padOpen = store.pad.value?.kind === "code";
  return html`<div class="find"><div class="find__box"><${Icon} name="scan" />
      <input id="find" class="input" type="search" enterkeyhint="enter" autocomplete="off" autocapitalize="off" spellcheck=${false} placeholder=${say("find")}
        aria-label=${say("find")} value=${store.typed.value} onInput=${(/** @type {InputEvent} */ event) => (store.typed.value = /** @type {HTMLInputElement} */ (event.target).value)}
        onKeyDown=${inField} /><kbd>${keyName(keys().search)}</kbd></div>
    <button type="button" class="key times" aria-pressed=${store.nextQuantity.value !== 1000} aria-label=${say("next_quantity", { n })} onClick=${times}>${say("times", { n })}</button>
    <button type="button" class="key" aria-pressed=${padOpen} aria-label=${say("number_pad")} onClick=${() => (padOpen ? closePad() : openPad({ kind: "code" }))}><${Icon} name="keypad" /></button></div>`;
}

/** @param {{icon: string, words: string, hint?: string, press: (event: PointerEvent) => void, danger?: boolean, off?: boolean, count?: number}} props */
function Act({ icon, words, hint, press, danger, off, count = 0 }) {
  return html`<button type="button" class=${`key key--tall${danger ? " key--danger" : ""}`} aria-disabled=${off ? "true" : undefined} onClick=${press}>
    <${Icon} name=${icon} /><span><span>${words}</span>${hint && html` <kbd>${hint}</kbd>`}</span>
    ${count > 0 && html`<span class="said">${say("parked_count", { n: count })}</span><b class="count" aria-hidden="true">${count}</b>`}</button>`;
}

function Actions() {
  const line = store.chosen.value;
  const open = store.screen.value === "sell";
  const asked = store.abandonAskedAt.value > 0;
  const now = keys();
  return html`<div class="acts">
    <${Act} icon="keypad" words=${say("line_quantity")} press=${() => askQuantity(line)} off=${Boolean(lineHindered(line)) || (line !== null && !countable(line))} />
    <${Act} icon="times" words=${say("void_line")} hint=${keyName(now.void)} press=${() => voidLine(line)} off=${Boolean(lineHindered(line))} />
    <${Act} icon="percent" words=${say("discount")} hint=${keyName(now.discount)} press=${askDiscount} off=${Boolean(lineHindered(line)) || (line !== null && comesBack(line))} />
    <${Act} icon="drawer" words=${say("no_sale")} hint=${keyName(now.drawer)} press=${askDrawer} off=${!hasDrawer()} />
    <${Act} icon="park" words=${say("park")} hint=${keyName(now.park)} press=${askPark} off=${Boolean(parkHindered())} />
    <${Act} icon="resume" words=${say("resume")} hint=${keyName(now.resume)} press=${askResume} off=${Boolean(resumeHindered())} count=${parkedHere.value.length} />
    <${Act} icon="back" words=${say("return_key")} hint=${keyName(now.return)} press=${askReturn} off=${Boolean(returnHindered())} />
    <${Act} icon="nopaper" words=${asked ? say("abandon_again") : say("abandon")} hint=${keyName(now.back)} press=${abandon} danger=${asked} off=${!open} />
    <${Act} icon="lock" words=${say("lock")} press=${() => void signOut()} />
    <${Act} icon="more" words=${say("more")} hint=${keyName(now.more)} press=${() => (store.sheet.value = "more")} /></div>`;
}

function Middle() {
  const parking = store.parking.value;
  if (parking) return parking.kind === "park" ? html`<${ParkDesk} parking=${parking} key="park" />` : html`<${ResumeDesk} key="resume" />`;
  const returning = store.returning.value;
  if (returning) return html`<${ReturnDesk} now=${returning} key="return" />`;
  const hand = store.hand.value;
  if (hand) return html`<${HandDesk} hand=${hand} key=${hand.kind} />`;
  const use = store.pad.value;
  if (use?.kind === "scale") return html`<${WeighStep} use=${use} />`;
  if (use?.kind === "track") return html`<${TrackDesk} use=${use} key=${use.code} />`;
  if (use?.kind === "department") return html`<${DepartmentDesk} use=${use} />`;
  if (use) return html`<${EntryPad} use=${use} />`;
  if (takesEmpties() && store.typed.value.trim().length < 2) return html`<${EmptiesDesk} />`;
  const age = ageShown();
  if (age) return html`<${AgeDesk} check=${age} key="age" />`;
  if (store.typed.value.trim().length >= 2 && found.value) return html`<${Found} found=${found.value} at=${foundAt.value} />`;
  return html`<${QuickKeys} />`;
}

export function SellingDesk() {
  useSearch();
  return html`<main class="desk desk--sell"><${FindBox} /><${MessageLine} /><${Middle} /><${Actions} /></main>`;
}
