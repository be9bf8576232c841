// The tape: sales of all shops in the order of their arrival, newest on top; pressing one opens it.
import { signal } from "@preact/signals";
import { money } from "../kit/numbers.js";
import { html, Money, State } from "../kit/parts.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { shortDay, since, toTheSecond } from "./times.js";

/** @typedef {import("./protocol").SaleView} SaleView */

const ROWS = 8;
const ROWS_MORE = 24;
/** Readers hear of new sales at most so often. */
const ALOUD_EVERY_MS = 10_000;

const rows = signal(ROWS);
const aloud = signal("");
/** The place of the newest sale when the page was drawn first: what comes later slides in. */
const slidesFrom = signal(Infinity);
/** @type {SaleView[]} */
let unsaid = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let speaking;

/** Tells readers about new sales, many at once when many come. @param {readonly SaleView[]} fresh newest first */
export function tellArrived(fresh) {
  if (slidesFrom.value === Infinity) slidesFrom.value = fresh.at(-1)?.arrival ?? Infinity;
  unsaid.push(...fresh);
  if (speaking !== undefined) return;
  sayArrived();
  speaking = setTimeout(() => {
    speaking = undefined;
    if (unsaid.length > 0) tellArrived([]);
  }, ALOUD_EVERY_MS);
}

function sayArrived() {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const sale of unsaid) sums.set(sale.currency, (sums.get(sale.currency) ?? 0) + sale.total_minor);
  const amounts = [...sums].map(([currency, minor]) => money(minor, currency));
  aloud.value = say("new_sales", { n: unsaid.length, amount: amounts.join(", ") });
  unsaid = [];
}

/** @param {import("./protocol").TenderView} tender */
export function tenderWords(tender) {
  if (tender.kind === "cash") return say("tender_cash");
  if (tender.kind !== "card") return tender.kind;
  const card = [tender.scheme, tender.last4 && `••${tender.last4}`].filter(Boolean).join(" ");
  return card ? `${say("tender_card")} ${card}` : say("tender_card");
}

/** @param {{sale: SaleView}} props */
function Row({ sale }) {
  const zone = store.zoneOf(sale.store);
  const day = shortDay(sale.completed_at, zone);
  const old = day !== shortDay(store.now.value, zone);
  const kinds = [...new Set(sale.tenders.filter((each) => ["taken", "approved", "returned"].includes(each.state)).map((each) => say(each.kind === "cash" ? "tender_cash" : "tender_card")))];
  return html`<li class=${sale.arrival >= slidesFrom.value ? "line--new" : ""}><button type="button" class="row-key" aria-haspopup="dialog" onClick=${() => (store.opened.value = sale)}>
    <time datetime=${new Date(sale.completed_at).toISOString()}>${toTheSecond(sale.completed_at, zone)}${old && html`<small>${day}</small>`}</time>
    <span class="where"><b class="cut"><bdi>${store.storeName(sale.store)}</bdi></b>
      <small class="cut">${say("till_named", { till: store.tillName(sale.till) })} · ${sale.cashier && html`<bdi>${sale.cashier}</bdi> · `}<bdi>${sale.receipt_number}</bdi></small></span>
    <span class="num"><${Money} minor=${sale.total_minor} currency=${sale.currency} /><small>${kinds.join(", ")}</small></span></button></li>`;
}

export function Tape() {
  const all = store.sales.value;
  const lost = store.lostSince.value;
  return html`<section class="tape torn" aria-labelledby="tape-title"><h2 id="tape-title">${say("live")}
      ${lost === null ? html`<${State} tone="well">${say("live_on")}<//>` : html`<${State} tone="lost">${say("live_off", { time: since(lost, store.now.value) })}<//>`}</h2>
    <p class="said" aria-live="polite">${aloud.value}</p>
    ${all.length === 0 ? html`<p class="tape__none">${say("tape_none")}</p>` : html`<ol>${all.slice(0, rows.value).map((sale) => html`<${Row} key=${sale.arrival} sale=${sale} />`)}</ol>`}
    ${all.length > rows.value && html`<button type="button" class="key tape__more" onClick=${() => (rows.value += ROWS_MORE)}>${say("older")}</button>`}</section>`;
}
