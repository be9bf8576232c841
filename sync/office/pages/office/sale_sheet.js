// One sale, opened by a person: its lines, how it was paid, its taxes.
import { useEffect, useRef } from "preact/hooks";
import { quantity } from "../kit/numbers.js";
import { html, Icon, Money, State } from "../kit/parts.js";
import { locale } from "../kit/words.js";
import { ageWords, approved, detailWords } from "./details.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { tenderWords } from "./tape.js";
import { inFull } from "./times.js";

/** @typedef {import("./protocol").SaleView} SaleView */
/** @typedef {import("./protocol").LineView} LineView */

/** @param {number} ppm */
const rate = (ppm) => new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 2 }).format(ppm / 1_000_000);

/** @param {{line: LineView, currency: string}} props */
function Line({ line, currency }) {
  const weighed = line.unit === "kg";
  const many = weighed || line.quantity !== 1000;
  return html`<li class=${line.voided ? "line line--void" : "line"}><span class="line__n">${weighed ? "" : quantity(line.quantity, "")}</span>
    <span class="line__name"><bdi>${line.name}</bdi></span><${Money} kind="line__sum" minor=${line.listed_minor} currency=${currency} />
    ${line.voided ? html`<span class="line__why">${say("voided")}${line.details.void_reason && html`: <bdi>${line.details.void_reason}</bdi>`}</span>` : many && html`<span class="line__why"><bdi>${quantity(line.quantity, line.unit)} × <${Money} minor=${line.price_minor} currency=${currency} />${weighed ? "/kg" : ""}</bdi></span>`}
    ${line.reductions.map((each) => html`<span class="line__why line__why--save" key=${each.id}><${Icon} name="tag" size="s" /><bdi>${each.name}</bdi>${approved(each.approver)}</span><${Money} key=${`${each.id} off`} kind="line__off" minor=${each.amount_minor} currency=${currency} minus />`)}
    ${detailWords(line).map((words, place) => html`<span class="line__why line__more" key=${place}>${words}</span>`)}</li>`;
}

/** @param {{tender: import("./protocol").TenderView, currency: string}} props */
function Tender({ tender, currency }) {
  const settled = ["taken", "approved", "returned"].includes(tender.state);
  const sum = html`<${Money} minor=${tender.amount_minor} currency=${currency} />`;
  return html`<div><dt><bdi>${tenderWords(tender)}</bdi>${!settled && html` <${State} tone=${tender.state === "declined" ? "plain" : "person"}>${say(tender.state === "declined" ? "tender_declined" : "tender_unknown")}<//>`}${approved(tender.approver)}</dt><dd>${settled ? sum : html`<s>${sum}</s>`}</dd></div>`;
}

/** @param {{sale: SaleView}} props */
function Sale({ sale }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  // closing first gives the focus back to the row that was pressed
  const close = () => dialog.current?.close();
  useEffect(() => dialog.current?.showModal(), []);
  const outside = (/** @type {MouseEvent} */ event) => event.target === dialog.current && close();
  const { currency } = sale;
  const sum = (/** @type {string} */ words, /** @type {number} */ minor) => html`<div><dt>${words}</dt><dd><${Money} minor=${minor} currency=${currency} /></dd></div>`;
  return html`<dialog class="sheet sale" ref=${dialog} aria-labelledby="sale-title" onClose=${() => (store.opened.value = null)} onClick=${outside}>
    <div class="sheet__head"><h2 id="sale-title">${say("receipt_named", { receipt: sale.receipt_number })}</h2><button type="button" class="key key--quiet" aria-label=${say("close")} onClick=${close}><${Icon} name="times" /></button></div>
    <div class="sheet__body"><p class="quiet"><bdi>${store.storeName(sale.store)}</bdi> · ${say("till_named", { till: store.tillName(sale.till) })}${sale.cashier && html` · ${say("cashier")} <bdi>${sale.cashier}</bdi>`}<br />${inFull(sale.completed_at, store.zoneOf(sale.store))}${sale.age_checked > 0 && html`<br />${ageWords(sale)}`}${sale.price_book && html`<br />${say("price_book_named")} <bdi>${sale.price_book}</bdi>`}${sale.note && html`<br />${say("note")}: <bdi>${sale.note}</bdi>`}</p>
      <ul class="lines">${sale.lines.map((line) => html`<${Line} key=${line.line_id} line=${line} currency=${currency} />`)}</ul>
      <dl class="sums"><div class="sums__total"><dt>${say("total")}</dt><dd><${Money} minor=${sale.total_minor} currency=${currency} /></dd></div>
        ${sale.tip_minor !== 0 && sum(say("tip"), sale.tip_minor)}
        ${sale.rounding_minor !== 0 && sum(say("rounding"), sale.rounding_minor)}
        ${sale.tenders.map((tender) => html`<${Tender} key=${tender.tender_id} tender=${tender} currency=${currency} />`)}
        ${sale.change_minor > 0 && sum(say("change"), sale.change_minor)}
        ${sale.taxes.map((tax) => html`<div class="sums__tax" key=${`${tax.tax} ${tax.rate_ppm}`}><dt>${say("tax_of", { rate: rate(tax.rate_ppm) })}</dt><dd><${Money} minor=${tax.tax_minor} currency=${currency} /></dd></div>`)}</dl></div></dialog>`;
}

export function SaleSheet() {
  const sale = store.opened.value;
  return sale && html`<${Sale} key=${sale.arrival} sale=${sale} />`;
}
