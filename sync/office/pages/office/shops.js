// Every shop in a row: how its line stands, what it took, what is here, and what to do.
import { html, Money, State } from "../kit/parts.js";
import { count, say } from "./office_words.js";
import * as store from "./store.js";
import { ago, since, toTheSecond } from "./times.js";

/** @typedef {import("./protocol").StoreView} StoreView */

/** A shop that is silent for longer is called. */
const SILENT_MS_MAX = 4 * 3_600_000;

/** @param {StoreView} shop @param {number} now @returns {{tone: "well" | "wait" | "lost" | "plain", words: string, todo: string}} */
function lineOf(shop, now) {
  if (shop.connected) return { tone: "well", words: say("in_touch"), todo: "" };
  if (shop.last_contact === 0) return { tone: "plain", words: say("never"), todo: say("todo_never") };
  const time = since(shop.last_contact, now);
  if (now - shop.last_contact < SILENT_MS_MAX) return { tone: "wait", words: say("away_since", { time }), todo: say("todo_away") };
  return { tone: "lost", words: say("lost_since", { time }), todo: say("todo_lost") };
}

/** @param {{shop: StoreView, todo: string}} props */
function Todo({ shop, todo }) {
  const stuck = [shop.quarantined > 0 && say("todo_quarantined", { n: shop.quarantined }), shop.parked > 0 && say("todo_parked", { n: shop.parked })].filter(Boolean);
  if (!todo && stuck.length === 0 && shop.alarms.length === 0) return html`<span class="hint">${say("todo_none")}</span>`;
  return html`${todo && html`<p>${todo}</p>`}${stuck.map((words) => html`<p key=${words}>${words}</p>`)}
    ${shop.alarms.map((alarm) => html`<p key=${alarm.kind}><${State} tone="person">${since(alarm.last_at, store.now.value)}<//> <bdi lang="en">${alarm.words}</bdi></p>`)}`;
}

/** @param {{shop: StoreView}} props */
function Shop({ shop }) {
  const now = store.now.value;
  const { tone, words, todo } = lineOf(shop, now);
  const newest = store.sales.value.find((sale) => sale.store === shop.slug);
  const waiting = Math.max(0, shop.head_seq - shop.accepted_seq);
  const taken = (/** @type {number} */ minor) => (shop.sales_today > 0 ? html`<${Money} minor=${minor} currency=${shop.currency} />` : "\u2013");
  return html`<tr><th scope="row"><bdi>${shop.name}</bdi></th>
    <td class="full"><${State} tone=${tone}>${words}<//></td>
    <td class="num" data-label=${say("today")}>${taken(shop.takings_today_minor)}</td>
    <td class="num" data-label=${say("sales_count")}>${count(shop.sales_today)}</td>
    <td class="num" data-label=${say("mean_basket")}>${taken(store.mean(shop.takings_today_minor, shop.sales_today))}</td>
    <td class="num" data-label=${say("newest_sale")}>${newest ? html`<span>${toTheSecond(newest.completed_at, store.zoneOf(shop.slug))}</span><small>${ago(newest.completed_at, now)}</small>` : "\u2013"}</td>
    <td class="num" data-label=${say("records")}><span>${count(shop.accepted_seq)}</span>${waiting > 0 && html`<small>${say("records_waiting", { n: waiting })}</small>`}${shop.waiting_sales > 0 && html`<small>${say("sales_waiting", { n: shop.waiting_sales })} <${Money} minor=${shop.waiting_minor} currency=${shop.currency} /></small>`}</td>
    <td class="say full"><${Todo} shop=${shop} todo=${todo} /></td></tr>`;
}

export function Shops() {
  const shops = store.stores.value;
  if (shops.length === 0) return null;
  const head = (/** @type {import("./office_words.js").Word} */ word, number = false) => html`<th scope="col" class=${number ? "num" : ""}>${say(word)}</th>`;
  return html`<section class="shops over" aria-labelledby="shops-title"><h2 id="shops-title">${say("shops")}</h2>
    <table class="table"><thead><tr>${head("shop")}${head("state")}${head("today", true)}${head("sales_count", true)}${head("mean_basket", true)}${head("newest_sale", true)}${head("records", true)}${head("todo")}</tr></thead>
      <tbody>${shops.map((shop) => html`<${Shop} key=${shop.slug} shop=${shop} />`)}</tbody></table>
    <p class="hint foot">${say("records_words")}</p></section>`;
}
