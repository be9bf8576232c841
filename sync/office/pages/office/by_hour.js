// Takings by hour: plot, table and CSV of the same figures, and a sentence that says what they show.
import { signal } from "@preact/signals";
import { decimals, money } from "../kit/numbers.js";
import { html, Icon, Money } from "../kit/parts.js";
import { byHour } from "./figures.js";
import { HourPlot } from "./hour_plot.js";
import { count, say } from "./office_words.js";
import * as store from "./store.js";
import { hourWords } from "./times.js";

/** @typedef {import("./figures.js").HourSum} HourSum */

const shown = signal(/** @type {"plot" | "table"} */ ("plot"));
const chosen = signal("");

/** The figures as RFC 4180 says, numbers with a point. @param {readonly HourSum[]} hours @param {string} currency */
export function asCsv(hours, currency) {
  const places = decimals(currency);
  const rows = hours.map((each) => [hourWords(each.hour).replace("\u2013", "-"), each.n, (each.minor / 10 ** places).toFixed(places), currency]);
  return [["hour", "sales", "takings", "currency"], ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

/** @param {readonly HourSum[]} hours @param {string} currency */
function save(hours, currency) {
  const place = document.createElement("a");
  place.href = URL.createObjectURL(new Blob([asCsv(hours, currency)], { type: "text/csv" }));
  const day = new Date(store.now.value);
  const two = (/** @type {number} */ each) => String(each).padStart(2, "0");
  place.download = `takings-${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}-${currency}.csv`;
  place.click();
  setTimeout(() => URL.revokeObjectURL(place.href), 10_000);
}

/** @param {{hours: readonly HourSum[], currency: string}} props */
function HourTable({ hours, currency }) {
  const n = hours.reduce((sum, each) => sum + each.n, 0);
  const minor = hours.reduce((sum, each) => sum + each.minor, 0);
  const row = (/** @type {string} */ name, /** @type {number} */ sales, /** @type {number} */ taken) =>
    html`<th scope="row">${name}</th><td class="num">${count(sales)}</td><td class="num"><${Money} minor=${taken} currency=${currency} /></td><td class="num">${sales > 0 && html`<${Money} minor=${store.mean(taken, sales)} currency=${currency} />`}</td>`;
  return html`<table class="table hours"><thead><tr><th scope="col">${say("hour")}</th><th scope="col" class="num">${say("sales_count")}</th><th scope="col" class="num">${say("takings")}</th><th scope="col" class="num">${say("mean_basket")}</th></tr></thead>
    <tbody>${hours.map((each) => html`<tr key=${each.hour}>${row(hourWords(each.hour), each.n, each.minor)}</tr>`)}</tbody>
    <tfoot><tr>${row(say("total"), n, minor)}</tr></tfoot></table>`;
}

export function ByHour() {
  const currencies = store.today.value.map((each) => each.currency);
  const currency = currencies.includes(chosen.value) ? chosen.value : (currencies[0] ?? "");
  const hours = currency ? byHour(currency) : [];
  const best = hours.length > 0 ? hours.reduce((a, b) => (b.minor > a.minor ? b : a)) : null;
  const words = best ? say("by_hour_words", { hour: hourWords(best.hour), amount: money(best.minor, currency), sales: say("sales_n", { n: best.n }) }) : say("by_hour_none");
  const button = (/** @type {"plot" | "table"} */ what) =>
    html`<button type="button" aria-pressed=${shown.value === what} onClick=${() => (shown.value = what)}><${Icon} name=${what} size="s" />${say(what)}</button>`;
  return html`<section class="by-hour"><div class="hd"><h2>${say("by_hour")}</h2>
      ${currencies.length > 1 && html`<div class="twin" role="group" aria-label=${say("currency")}>${currencies.map((each) => html`<button type="button" key=${each} aria-pressed=${each === currency} onClick=${() => (chosen.value = each)}>${each}</button>`)}</div>`}
      ${best && html`<div class="twin" role="group" aria-label=${say("by_hour")}>${button("plot")}${button("table")}<button type="button" onClick=${() => save(hours, currency)}><${Icon} name="csv" size="s" />CSV</button></div>`}
      <p class="quiet">${words}${store.capped.value ? ` ${say("by_hour_capped")}` : ""}</p></div>
    ${best && (shown.value === "plot" ? html`<${HourPlot} hours=${hours} currency=${currency} words=${words} />` : html`<${HourTable} hours=${hours} currency=${currency} />`)}</section>`;
}
