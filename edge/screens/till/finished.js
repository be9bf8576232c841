// After the sale: the change, read from two metres, until the next scan; what became of the receipt; where the sale is kept.
import { money } from "../kit/numbers.js";
import { Dots, dotsInWords, html, Icon, Money } from "../kit/parts.js";
import { isWord, say } from "../kit/words.js";
import { nextSale } from "./doings.js";
import { askEmail } from "./emailing.js";
import { keyName, keys } from "./keyboard.js";
import { TroubleLine } from "./message_line.js";
import { askResume, parkedHere } from "./parking.js";
import { printAgain } from "./printing_again.js";
import { tenderIcon, tenderName } from "./tender_words.js";
import * as store from "./store.js";

const LONG_AMOUNT = 7;

function Receipt() {
  const receipt = store.view.value?.receipt;
  if (!receipt) return null;
  const word = `receipt_${receipt.state}`;
  return html`<div><dt class="quiet">${say("receipt")}</dt><dd>${isWord(word) ? say(word) : receipt.state}</dd></div>`;
}

/** One press, one paper: Enter goes on with the next sale then. @param {import("./printing_again").Again} type */
function again(type) {
  printAgain(type, store.view.value?.receipt_number ?? "");
  document.getElementById("next-sale")?.focus();
}

/** The focus comes back to where Enter goes on with the next sale. */
function email() {
  document.getElementById("next-sale")?.focus();
  askEmail(store.view.value?.receipt_number ?? "");
}

export function FinishedDesk() {
  const view = store.view.value;
  if (!view) return null;
  const taken = view.tenders.filter((tender) => tender.state === "taken");
  const cash = taken.filter((tender) => tender.kind === "cash").reduce((sum, tender) => sum + tender.amount_minor, 0);
  const cards = view.tenders.filter((tender) => tender.state === "approved" && tender.amount_minor > 0);
  const back = cash > 0 || view.change_minor > 0; // a card charged too much gives change too
  const notes = taken.filter((tender) => tender.kind === "cash" && tender.reference).map((tender) => tender.reference).join(", "); // of another currency
  const given = view.tenders.filter((tender) => tender.amount_minor < 0 && (tender.state === "returned" || tender.state === "approved"));
  const even = view.total_minor === 0 && view.tip_minor === 0 && view.lines.some((line) => line.entry === "returned" && !line.voided);
  const refund = -given.reduce((sum, tender) => sum + tender.amount_minor, 0);
  const counted = -given.filter((tender) => tender.kind === "cash").reduce((sum, tender) => sum + tender.amount_minor, 0); // what the hands give
  const huge = counted || refund || (back ? view.change_minor : view.total_minor + view.tip_minor);
  const title = counted && counted !== refund ? say("given_way", { tender: tenderName("cash") }) : refund || view.total_minor + view.tip_minor < 0 ? say("given_back") : even ? say("exchanged") : back ? say("change") : say("paid");
  const long = money(huge, view.currency).replace(/\p{Cf}/gu, "").length > LONG_AMOUNT; // signs that turn the line take no room
  return html`<main class="desk desk--change">
    <div class="torn bigslip">
      <div aria-live="assertive" role="status" class="bigslip__sum"><span>${title}</span>
        <${Money} minor=${huge} currency=${view.currency} kind=${long ? "huge huge--long" : "huge"} /></div>
      <hr class="perf" /><dl>
        ${given.map((tender) => html`<div key=${tender.tender_id}><dt class="quiet"><${Icon} name=${tenderIcon(tender.kind)} size="s" /> ${say("given_way", { tender: tenderName(tender.kind) })}${tender.last4 && html` <bdi>··${tender.last4}</bdi>`} <bdi>${tender.reference}</bdi></dt><dd><${Money} minor=${-tender.amount_minor} currency=${view.currency} /></dd></div>`)}
        ${cash > 0 && html`<div><dt class="quiet">${say("received_cash")} ${notes && html`<bdi>(${notes})</bdi>`}</dt><dd><${Money} minor=${cash} currency=${view.currency} /></dd></div>`}
        ${cards.map((card) => html`<div key=${card.tender_id}><dt class="quiet">${card.last4 ? say("card_ending", { last4: card.last4 }) : say("card")} <bdi>${card.scheme}</bdi></dt><dd><${Money} minor=${card.amount_minor} currency=${view.currency} /></dd></div>`)}
        ${taken.filter((tender) => tender.kind !== "cash").map((tender) => html`<div key=${tender.tender_id}><dt class="quiet">${tenderName(tender.kind)} <bdi>${tender.reference}</bdi></dt><dd><${Money} minor=${tender.amount_minor} currency=${view.currency} /></dd></div>`)}
        ${view.rounding_minor !== 0 && html`<div><dt class="quiet">${say("rounding")}</dt><dd><${Money} minor=${view.rounding_minor} currency=${view.currency} /></dd></div>`}
        ${view.tip_minor !== 0 && html`<div><dt class="quiet">${say(view.tip_minor < 0 ? "tip_back" : "tip")}</dt><dd><${Money} minor=${view.tip_minor} currency=${view.currency} /></dd></div>`}
        <div><dt class="quiet"><bdi>${say("sale_number", { receipt: view.receipt_number ?? "" })}</bdi></dt><dd><${Money} minor=${view.total_minor} currency=${view.currency} /></dd></div>
        <${Receipt} />
        ${view.dots && html`<div><dt class="quiet">${say("kept_where")}</dt><dd class="row"><span>${dotsInWords(view.dots)}</span><${Dots} dots=${view.dots} /></dd></div>`}
      </dl></div>
    <${TroubleLine} />
    <div class="after">${parkedHere.value.length > 0 && html`<button type="button" class="key" onClick=${askResume}><${Icon} name="resume" /><span>${say("resume")}</span> <b class="count" aria-hidden="true">${parkedHere.value.length}</b><span class="said">${say("parked_count", { n: parkedHere.value.length })}</span> <kbd>${keyName(keys().resume)}</kbd></button>`}
      <div class="after__again"><button type="button" class="key" onClick=${() => again("reprint_receipt")}><${Icon} name="printer" /><span>${say("again_copy")}</span></button>
        <button type="button" class="key" onClick=${() => again("print_gift_receipt")}><${Icon} name="gift" /><span>${say("again_gift")}</span></button>
        ${!view.training && html`<button type="button" class="key" onClick=${email}><${Icon} name="mail" /><span>${say("email")}</span></button>`}</div>
      <button type="button" class="key key--primary" id="next-sale" onClick=${nextSale}><span>${say("next_sale")}</span> <kbd>Enter</kbd></button></div></main>`;
}
