// The payment desk: ways of paying, the amount, and the live state of a card. A declined card returns here.
import { useLayoutEffect } from "preact/hooks";
import { likelyCash } from "../kit/numbers.js";
import { html, Icon, Keypad, Money, Notice } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { cancelCard, eraseAmount, takeAmount, typeAmount } from "./doings.js";
import { keyName, keys } from "./keyboard.js";
import { MessageLine } from "./message_line.js";
import { SignatureDesk } from "./signature_desk.js";
import { TenderDesk } from "./tender_desk.js";
import { PaidMark, RefundDesk, SettleDesk } from "./refund_desk.js";
import { chooseBack, goesBack, isEven, waysBack } from "./refunds.js";
import { tenderIcon, tenderName } from "./tender_words.js";
import { choose, settle, waysHere, WAYS } from "./tenders.js";
import { deviceWords } from "./trouble_words.js";
import * as store from "./store.js";

function Ways() {
  const view = store.view.value;
  const terminal = view?.devices.find((device) => device.role === "terminal");
  const live = view?.state === "paying";
  const off = live ? "true" : undefined;
  const now = store.way.value;
  const back = goesBack();
  const title = say(back ? "how_given" : "how_paid");
  const press = back ? chooseBack : choose;
  useLayoutEffect(() => document.querySelector('.ways [aria-pressed="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" }), [now]); // phones scroll the ways
  return html`<div><h2 class="said">${title}</h2><div class="ways" role="group" aria-label=${title}>
    ${(back ? waysBack() : waysHere()).map(
      (way) => html`<button type="button" class="key" key=${way} aria-pressed=${now === way} aria-disabled=${off} onClick=${(/** @type {PointerEvent} */ event) => press(way, event.pointerType === "touch")}><${Icon} name=${tenderIcon(way)} />
      <span class="grow">${tenderName(way)}${way === "card" && !terminal?.well && html`<small>${say("terminal_unwell")}</small>`}${back && html`<${PaidMark} way=${way} />`}</span><kbd>${WAYS.indexOf(way) + 1}</kbd></button>`,
    )}</div></div>`;
}

/** @param {{amount: number, due: number, currency: string}} props */
function QuickAmounts({ amount, due, currency }) {
  const choose = (/** @type {number} */ sum) => (store.amountDigits.value = String(sum));
  return html`<div class="quick">
    <button type="button" class="key" aria-pressed=${amount === due} onClick=${() => choose(due)}><span><${Money} minor=${due} currency=${currency} /><small>${say("exact")}</small></span></button>
    ${likelyCash(due, currency).map((sum) => html`<button type="button" class="key" key=${sum} aria-pressed=${amount === sum} onClick=${() => choose(sum)}><${Money} minor=${sum} currency=${currency} /></button>`)}</div>`;
}

function TakeKey() {
  const view = store.view.value;
  const amount = store.amount.value;
  const currency = store.currency.value;
  const cash = store.way.value === "cash";
  const due = view?.due_minor ?? 0;
  const { change, rest } = cash ? settle(due, amount) : { change: 0, rest: Math.max(0, due - amount) };
  const lost = store.boxLostSince.value !== null || amount <= 0;
  const after =
    change > 0
      ? html`<small>${say("change")} <${Money} minor=${change} currency=${currency} /></small>`
      : rest > 0 && html`<small>${say("remains")} <${Money} minor=${rest} currency=${currency} /></small>`;
  return html`<button type="button" class=${`key key--pay${lost ? "" : " key--primary"}`} aria-disabled=${lost ? "true" : undefined} onClick=${takeAmount}>
    <span>${cash ? say("take_cash") : say("charge_card")} <${Money} minor=${amount} currency=${currency} />${after}</span><kbd>${keyName(keys().pay)}</kbd></button>`;
}

function Till() {
  const view = store.view.value;
  const due = view?.due_minor ?? 0;
  const currency = store.currency.value;
  const cash = store.way.value === "cash";
  const name = cash ? say("cash_received") : say("card_amount");
  const zeros = html`<button type="button" class="key" key="00" onClick=${() => typeAmount("00")}>00</button>`;
  return html`<div class="cashier">
    <div class="amount"><span class="quiet">${name}</span><output aria-live="polite"><${Money} minor=${store.amount.value} currency=${currency} /></output></div>
    ${cash ? html`<${QuickAmounts} amount=${store.amount.value} due=${due} currency=${currency} />` : html`<div></div>`}
    <${Keypad} top=${7} last=${zeros} press=${typeAmount} erase=${eraseAmount} name=${name} />
    <${TakeKey} /></div>`;
}

/** While the terminal has the word. */
function CardLive() {
  const view = store.view.value;
  const tender = view?.tenders.find((each) => each.state === "asked");
  const terminal = view?.devices.find((device) => device.role === "terminal");
  const trouble = terminal && !terminal.well ? deviceWords(terminal) : null;
  const amount = tender?.amount_minor ?? 0;
  const words = amount >= 0 ? say("card_wait_words") : tender?.last4 ? say("card_back_same", { last4: tender.last4 }) : say("card_back_words");
  return html`<section class="paper live" aria-live="polite">
    <${Icon} name="terminal" size="l" />
    <h1>${say(amount < 0 ? "card_back_title" : "card_wait_title")}</h1>
    <${Money} minor=${Math.abs(amount)} currency=${store.currency.value} kind="live__sum" />
    <p class="quiet">${tender?.words || words}</p>
    ${trouble && html`<${Notice} tone="person" icon="person"><span class="grow"><bdi>${trouble.lead} ${trouble.words}</bdi></span><//>`}
    ${store.cancelAsked.value
      ? html`<p role="status">${say("card_cancel_asked")}</p>`
      : html`<button type="button" class="key" onClick=${cancelCard}><${Icon} name="times" />${say("card_cancel")}</button>`}</section>`;
}

export function PayingDesk() {
  const view = store.view.value;
  const live = view?.state === "paying";
  const way = store.way.value;
  if (isEven()) return html`<main class="desk desk--paying"><${MessageLine} hint=${say("settle_words")} /><div class="desk--pay"><${SettleDesk} /></div></main>`;
  const back = goesBack();
  const signature = view?.signature;
  const hint = signature ? say("refusal_signature_unchecked") : live ? say(back ? "card_back_running" : "refusal_card_payment_running") : say(view?.training ? "training_card" : back ? "refund_hint" : "paying_hint");
  return html`<main class="desk desk--paying"><${MessageLine} hint=${hint} />
    <div class="desk--pay"><${Ways} />${signature ? html`<${SignatureDesk} signature=${signature} />` : live ? html`<${CardLive} />` : back ? html`<${RefundDesk} way=${way} />` : way === "cash" || way === "card" ? html`<${Till} />` : html`<${TenderDesk} way=${way} />`}</div></main>`;
}
