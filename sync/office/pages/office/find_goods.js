// Which sales had these goods: a recall asks by lot, a warranty by serial number. All shops, all days.
import { effect, signal } from "@preact/signals";
import { quantity } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { foundAsCsv, foundIn } from "./found_goods.js";
import { ask, Refusal } from "./office_api.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { dayOf, onDay } from "./times.js";

/** @typedef {import("./found_goods.js").Found} Found */

/** What head office answers at most at once. */
const PAGE = 500;
/** Beyond so many pages the table says that it is not whole. */
const PAGES_MAX = 20;
/** Rows drawn at once: all of them are in the CSV. */
const ROWS_SHOWN = 100;

const found = signal(/** @type {readonly Found[] | null} */ (null));
const number = signal("");
const whole = signal(true);
const asking = signal(false);
const fault = signal("");

effect(() => {
  if (!store.ready.value) [found.value, number.value, fault.value] = [null, "", ""];
});

/** @param {string} wanted */
async function find(wanted) {
  /** @type {import("./protocol").SaleView[]} */
  const sales = [];
  let more = true;
  let after = 0;
  for (let pages = 0; more && pages < PAGES_MAX; pages += 1) {
    /** @type {import("./protocol").SalesView} */
    const page = await ask("GET", `/api/v1/sales?tracked=${encodeURIComponent(wanted)}&after=${after}`);
    sales.push(...page.sales);
    more = page.sales.length === PAGE;
    after = page.next;
  }
  [found.value, number.value, whole.value] = [foundIn(sales, wanted), wanted, !more];
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (/** @type {HTMLFormElement} */ (event.currentTarget).elements.namedItem("number"));
  const wanted = field.value.trim();
  if (asking.value) return;
  if (!wanted) {
    fault.value = say("find_type");
    field.focus();
    return;
  }
  asking.value = true;
  fault.value = "";
  try {
    await find(wanted);
  } catch (error) {
    fault.value = error instanceof Refusal ? say("refused", { code: error.code }) : say("find_silent");
  }
  asking.value = false;
}

/** @param {readonly Found[]} rows */
function save(rows) {
  const place = document.createElement("a");
  place.href = URL.createObjectURL(new Blob([foundAsCsv(rows)], { type: "text/csv" }));
  place.download = `goods-${number.value.replace(/[^\p{L}\p{N}-]/gu, "_").slice(0, 40)}.csv`;
  place.click();
  setTimeout(() => URL.revokeObjectURL(place.href), 10_000);
}

/** @param {{each: Found}} props */
function Row({ each: { sale, line } }) {
  const { serial, lot, expires } = line.details;
  return html`<tr><th scope="row"><button type="button" class="key key--quiet found__sale" aria-haspopup="dialog" onClick=${() => (store.opened.value = sale)}><bdi>${sale.receipt_number}</bdi></button></th>
    <td data-label=${say("shop")}><bdi>${store.storeName(sale.store)}</bdi></td><td data-label=${say("sold_at")}>${onDay(sale.completed_at, store.zoneOf(sale.store))}</td>
    <td class="found__goods" data-label=${say("article")}><bdi>${line.name}</bdi>${line.returned && html` <small>${say("came_back")}</small>`}</td><td class="num" data-label=${say("quantity")}>${quantity(line.quantity, line.unit === "piece" ? "" : line.unit)}</td>
    <td class="found__number" data-label=${say("serial")}>${serial ? html`<bdi dir="ltr">${serial}</bdi>` : "–"}</td><td class="found__number" data-label=${say("lot")}>${lot ? html`<bdi dir="ltr">${lot}</bdi>` : "–"}${expires && html`<small>${say("expires")} ${dayOf(expires)}</small>`}</td></tr>`;
}

/** @param {{rows: readonly Found[]}} props */
function Table({ rows }) {
  const column = (/** @type {string} */ name, /** @type {string} */ kind) => html`<th scope="col" class=${kind}>${name}</th>`;
  return html`<table class="table found"><thead><tr>${column(say("receipt"), "")}${column(say("shop"), "")}${column(say("sold_at"), "")}${column(say("article"), "")}${column(say("quantity"), "num")}${column(say("serial"), "")}${column(say("lot"), "")}</tr></thead>
      <tbody>${rows.slice(0, ROWS_SHOWN).map((each) => html`<${Row} key=${`${each.sale.arrival} ${each.line.line_id}`} each=${each} />`)}</tbody></table>
    ${rows.length > ROWS_SHOWN && html`<p class="hint foot">${say("found_first", { n: ROWS_SHOWN })}</p>`}`;
}

export function FindGoods() {
  const rows = found.value;
  const words = rows && (rows.length === 0 ? say("found_none", { number: number.value }) : say("found_n", { n: rows.length, number: number.value }));
  const wrong = fault.value ? "true" : undefined;
  return html`<section class="shops over find" aria-labelledby="find-title"><div class="hd"><h2 id="find-title">${say("find_goods")}</h2>
      ${rows !== null && rows.length > 0 && html`<div class="twin"><button type="button" onClick=${() => save(rows)}><${Icon} name="csv" size="s" />CSV</button></div>`}<p class="quiet">${say("find_words")}</p></div>
    <form class="find__form" role="search" aria-labelledby="find-title" onSubmit=${submit}><div class="field"><label for="find-number">${say("serial_or_lot")}</label><input id="find-number" name="number" dir="ltr" autocomplete="off" autocapitalize="none" spellcheck=${false} maxlength="90" enterkeyhint="search" aria-invalid=${wrong} aria-describedby="find-fault" /></div>
      <button class="key" aria-disabled=${asking.value ? "true" : undefined}><${Icon} name="search" size="s" />${say("find")}</button>
      <p id="find-fault" class="field__fault" role="alert">${fault.value && html`<${Icon} name="person" size="s" />`}<span>${fault.value}</span></p></form>
    <p class="find__said" role="status">${words}${!whole.value && rows !== null ? ` ${say("found_not_all")}` : ""}</p>
    ${rows !== null && rows.length > 0 && html`<${Table} rows=${rows} />`}</section>`;
}
