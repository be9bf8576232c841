// The payment desk for tenders beside cash and the till's own terminal: what is not checked is said, what is given is typed.
import { useLayoutEffect } from "preact/hooks";
import { likelyCash } from "../kit/numbers.js";
import { html, Icon, Keypad, Money, Notice } from "../kit/parts.js";
import { locale, say } from "../kit/words.js";
import { eraseAmount, typeAmount } from "./doings.js";
import { keyName, keys } from "./keyboard.js";
import { tenderName } from "./tender_words.js";
import { asked, chooseCurrency, covering, currencies, focusIsWanted, foreign, lacking, reference, REFERENCE_CHARS_MAX, settle, startReference, take, tendered, typeReference, UNCHECKED } from "./tenders.js";
import * as store from "./store.js";

/** @typedef {import("./store").Way} Way */

export const LABELS = Object.freeze({
  gift_card: /** @type {const} */ ("number_gift_card"),
  points: /** @type {const} */ ("number_points"),
  house_account: /** @type {const} */ ("number_house_account"),
  voucher: /** @type {const} */ ("number_voucher"),
  manual_card: /** @type {const} */ ("number_manual_card"),
});

/** What the cashier must know: nothing here checks it. @param {{way: Way}} props */
function Plain({ way }) {
  const words = UNCHECKED.has(way) ? say("unchecked_words") : way === "voucher" ? say("unchecked_voucher") : say("manual_words");
  return html`<${Notice} tone="wait" icon=${way === "manual_card" ? "terminal" : "person"} role="note"><span class="grow">${words}</span><//>`;
}

/** @param {{way: keyof typeof LABELS}} props */
function Reference({ way }) {
  const typed = (/** @type {InputEvent} */ event) => typeReference(/** @type {HTMLInputElement} */ (event.target).value);
  return html`<div class="field"><label for="tender-reference">${say(LABELS[way])}</label>
    <input id="tender-reference" autocomplete="off" autocapitalize="characters" spellcheck=${false} dir="auto" maxlength=${REFERENCE_CHARS_MAX} value=${reference(way)} onInput=${typed} /></div>`;
}

/** A choice among currencies, and the rate. */
function Notes() {
  const all = currencies();
  const rate = foreign();
  if (!rate) return null;
  const one = new Intl.NumberFormat(locale(), { style: "currency", currency: store.currency.value, maximumFractionDigits: 6 }).format(rate.rate_ppm / 1_000_000);
  return html`<div class="notes">${all.length > 1 &&
    html`<div class="twin twin--wide" role="group" aria-label=${say("notes_currency")}>${all.map((each) => html`<button type="button" key=${each.currency} aria-pressed=${each.currency === rate.currency} onClick=${() => chooseCurrency(each.currency)}><bdi>${each.currency}</bdi></button>`)}</div>`}
    <p class="quiet hand__now"><bdi>${say("notes_rate", { currency: rate.currency, worth: one })}</bdi> <span class="notes__change">${say("notes_change")}</span></p></div>`;
}

/** Sums of notes that a customer is likely to hand over. @param {{due: number}} props */
function QuickNotes({ due }) {
  const rate = foreign();
  if (!rate) return null;
  const least = covering(due, rate, store.currency.value);
  const sums = [...new Set([least, ...likelyCash(least, rate.currency)])];
  return html`<div class="quick quick--notes">${sums.map((sum) => html`<button type="button" class="key" key=${sum} aria-pressed=${store.amount.value === sum} onClick=${() => (store.amountDigits.value = String(sum))}><${Money} minor=${sum} currency=${rate.currency} /></button>`)}</div>`;
}

/** @param {{way: Way, due: number}} props */
function TakeTenderKey({ way, due }) {
  const currency = store.currency.value;
  const lost = store.boxLostSince.value !== null;
  const notes = way === "foreign_cash";
  const worth = tendered();
  const { change, rest } = notes ? settle(due, worth) : { change: 0, rest: Math.max(0, due - worth) };
  const ready = !lost && !store.tendering.value.sent && lacking() === "";
  const after = change > 0 ? html`<small>${say("change")} <${Money} minor=${change} currency=${currency} /></small>` : rest > 0 && worth > 0 && html`<small>${say("remains")} <${Money} minor=${rest} currency=${currency} /></small>`;
  const does = store.tendering.value.sent && lost ? say("waits_for_box") : say(way === "manual_card" && asked() ? "manual_again" : "take_it");
  return html`<button type="button" class=${`key key--pay${ready ? " key--primary" : ""}`} aria-disabled=${ready ? undefined : "true"} onClick=${take}>
    <span>${does} <${Money} minor=${store.amount.value} currency=${notes ? (foreign()?.currency ?? currency) : currency} />${after}</span><kbd>${keyName(keys().pay)}</kbd></button>`;
}

/** @param {{way: Way}} props */
export function TenderDesk({ way }) {
  const due = store.view.value?.due_minor ?? 0;
  const currency = store.currency.value;
  const notes = way === "foreign_cash";
  useLayoutEffect(() => {
    if (focusIsWanted()) startReference();
  }, [way]);
  const name = notes ? say("notes_given", { currency: foreign()?.currency ?? "" }) : way === "manual_card" ? say("manual_amount") : say("tender_amount");
  const zeros = html`<button type="button" class="key" key="00" onClick=${() => typeAmount("00")}>00</button>`;
  // a reader says name and sums together; digits typed here are the amount's, so it can have the focus
  return html`<section class=${`cashier tendering${notes ? " tendering--notes" : ""}`} aria-label=${tenderName(way)}>
    <div class="tendering__what">${notes ? html`<${Notes} />` : html`<${Plain} way=${way} /><${Reference} way=${/** @type {keyof typeof LABELS} */ (way)} />`}</div>
    <div class="amount" tabindex="0" role="group" aria-label=${name}><span class="quiet">${name}</span><output aria-live="polite"><${Money} minor=${store.amount.value} currency=${notes ? (foreign()?.currency ?? currency) : currency} />
      ${notes && html`<small class="quiet">${say("notes_worth")} <${Money} minor=${tendered()} currency=${currency} /></small>`}</output></div>
    ${notes && html`<${QuickNotes} due=${due} />`}
    ${way === "manual_card" && html`<div class="quick quick--one"><button type="button" class="key" aria-pressed=${store.amount.value === due} onClick=${() => (store.amountDigits.value = String(due))}><span>${say("exact")} <${Money} minor=${due} currency=${currency} /></span></button></div>`}
    <${Keypad} top=${7} last=${zeros} press=${typeAmount} erase=${eraseAmount} name=${name} />
    <${TakeTenderKey} way=${way} due=${due} /></section>`;
}
