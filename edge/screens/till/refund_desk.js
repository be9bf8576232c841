// The desk that gives money back, in the payment desk's place: how it was paid, the amount in huge type, one key that gives it.
import { useLayoutEffect } from "preact/hooks";
import { html, Icon, Keypad, Money, Notice } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { eraseAmount, typeAmount } from "./doings.js";
import { keyName, keys } from "./keyboard.js";
import { amountBack, give, isEven, lackingBack, needsSecond, paid, paidBy, referenceBack, remainsBack, usualBack } from "./refunds.js";
import { LABELS } from "./tender_desk.js";
import { tenderName } from "./tender_words.js";
import { focusIsWanted, REFERENCE_CHARS_MAX, startReference, typeReference } from "./tenders.js";
import * as store from "./store.js";

/** @typedef {import("./store").Way} Way */

/** What a way had paid, beside its name. @param {{way: Way}} props */
export function PaidMark({ way }) {
  const had = paidBy(way);
  if (had) return html`<small>${say("refund_paid")} ${had.last4 && html`<bdi>··${had.last4}</bdi> `}<${Money} minor=${had.rest} currency=${store.currency.value} /></small>`;
  return needsSecond(way) && html`<small>${say("refund_second")}</small>`;
}

/** What the cashier must know before money leaves. @param {{way: Way}} props */
function Plain({ way }) {
  const had = paidBy(way);
  const second = needsSecond(way);
  const ways = paid.value.map((each) => tenderName(each.way)).join(", ");
  const words = second && ways && !had ? say("refund_other", { ways }) : way === "card" ? say("refund_card_words") : way === "manual_card" ? say("refund_manual_words") : second ? say("refund_unchecked") : had ? say("refund_same") : say("refund_none");
  return html`<${Notice} tone=${second ? "wait" : ""} icon=${second ? "person" : "back"} role="note"><span class="grow">${words}</span><//>`;
}

/** @param {{way: keyof typeof LABELS}} props */
function Reference({ way }) {
  const typed = (/** @type {InputEvent} */ event) => typeReference(/** @type {HTMLInputElement} */ (event.target).value);
  return html`<div class="field"><label for="tender-reference">${say(LABELS[way])}</label>
    <input id="tender-reference" autocomplete="off" autocapitalize="characters" spellcheck=${false} dir="auto" maxlength=${REFERENCE_CHARS_MAX} value=${referenceBack(way)} onInput=${typed} /></div>`;
}

function GiveKey() {
  const lost = store.boxLostSince.value !== null;
  const ready = !lost && !store.tendering.value.sent && lackingBack() === "";
  const rest = remainsBack();
  const even = isEven();
  const does = store.tendering.value.sent && lost ? say("waits_for_box") : even ? say("settle_do") : say("give_back");
  return html`<button type="button" class=${`key key--pay${ready ? " key--primary" : ""}`} aria-disabled=${ready ? undefined : "true"} onClick=${give}>
    <span>${does} ${!even && html`<${Money} minor=${amountBack()} currency=${store.currency.value} />`}${!even && rest > 0 && html`<small>${say("remains_back")} <${Money} minor=${rest} currency=${store.currency.value} /></small>`}</span><kbd>${keyName(keys().pay)}</kbd></button>`;
}

/** Nothing is left that coins could pay: one key completes it. */
export function SettleDesk() {
  const rest = store.view.value?.refund_due_minor ?? 0;
  return html`<section class="cashier settling" aria-label=${say("settle_title")}><div class="paper live"><${Icon} name="check" size="l" /><h1>${say("settle_title")}</h1>
      <p class="quiet">${rest ? say("settle_coins") : say("settle_words")}</p></div><${GiveKey} /></section>`;
}

/** @param {{way: Way}} props */
export function RefundDesk({ way }) {
  useLayoutEffect(() => {
    if (focusIsWanted()) startReference();
  }, [way]);
  const currency = store.currency.value;
  const usual = usualBack();
  const zeros = html`<button type="button" class="key" key="00" onClick=${() => typeAmount("00")}>00</button>`;
  return html`<section class="cashier tendering refund" aria-label=${say("give_back")}>
    <div class="tendering__what"><${Plain} way=${way} />${way in LABELS && html`<${Reference} way=${/** @type {keyof typeof LABELS} */ (way)} />`}</div>
    <div class="amount" tabindex="0" role="group" aria-label=${say("give_back")}><span class="quiet">${say("give_back")}</span><output aria-live="polite"><${Money} minor=${amountBack()} currency=${currency} kind="refund__sum" /></output></div>
    <div class="quick quick--one"><button type="button" class="key" aria-pressed=${amountBack() === usual} onClick=${() => (store.amountDigits.value = "")}><span>${say(remainsAfter(usual) ? "refund_part" : "refund_all")} <${Money} minor=${usual} currency=${currency} /></span></button></div>
    <${Keypad} top=${7} last=${zeros} press=${typeAmount} erase=${eraseAmount} name=${say("give_back")} />
    <${GiveKey} /></section>`;
}

/** Whether what one tap gives is less than all of it. @param {number} usual */
const remainsAfter = (usual) => store.way.value !== "cash" ? usual < (store.view.value?.refund_due_minor ?? 0) : paid.value.length > 1 && usual < (store.view.value?.refund_due_minor ?? 0);
