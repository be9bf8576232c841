// How far each shop is behind, what is at risk, and how old what it sells by is.
import { effect, signal, untracked } from "@preact/signals";
import { html, Icon, Money, State } from "../kit/parts.js";
import { locale } from "../kit/words.js";
import { saveCsv } from "./csv_file.js";
import { ask } from "./office_api.js";
import { count, say } from "./office_words.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").ShopStandingView} ShopStandingView */

/** As often as head office itself looks. */
const LOOK_MS = 15_000;
const MINUTE_MS = 60_000;
/** A feed that lags for longer than a page takes to come. */
const OLD_MS = 5 * MINUTE_MS;
const LATE_MS = 4 * 60 * MINUTE_MS;

const shops = signal(/** @type {readonly ShopStandingView[]} */ ([]));
/** @type {ReturnType<typeof setInterval> | undefined} */
let looking;

async function read() {
  try {
    shops.value = (await ask("GET", "/api/v1/replication")).shops;
  } catch {
    // that head office is silent is said on top
  }
}

effect(() => {
  const shown = store.ready.value;
  untracked(() => {
    clearInterval(looking);
    looking = undefined;
    shops.value = [];
    if (!shown) return;
    looking = setInterval(() => void read(), LOOK_MS);
    void read();
  });
});

/** `5 min`, in the largest unit that is not zero. @param {number} ms */
function lasting(ms) {
  const s = Math.round(ms / 1000);
  const [n, unit] = s < 60 ? [s, "second"] : s < 3600 ? [Math.floor(s / 60), "minute"] : s < 86_400 ? [Math.floor(s / 3600), "hour"] : [Math.floor(s / 86_400), "day"];
  return new Intl.NumberFormat(locale(), { style: "unit", unit: String(unit), unitDisplay: "short" }).format(Number(n));
}

function save() {
  const rows = shops.value.map((each) => [each.store, each.connected ? "yes" : "no", each.lag_events, Math.round(each.lag_ms / 1000), each.waiting_sales, each.waiting_minor, each.currency, each.aside, each.parked, each.alarms, Math.round(each.feed_age_ms / 1000)]);
  saveCsv("replication", [["store", "connected", "lag_events", "lag_s", "waiting_sales", "waiting_minor", "currency", "aside", "parked", "alarms", "feed_age_s"], ...rows]);
}

/** @param {{shop: ShopStandingView}} props */
function Row({ shop }) {
  const never = !shop.connected && shop.last_contact === 0;
  const tone = never ? "plain" : shop.lag_ms === 0 ? "well" : shop.lag_ms < LATE_MS ? "wait" : "lost";
  const old = shop.feeds.filter((each) => each.age_ms > OLD_MS).map((each) => each.feed);
  return html`<tr><th scope="row"><bdi>${shop.name}</bdi></th>
    <td data-label=${say("lag_time")}><${State} tone=${tone}>${never ? say("never") : shop.lag_ms === 0 ? say("lag_none") : lasting(shop.lag_ms)}<//></td>
    <td class="num" data-label=${say("lag_events")}>${count(shop.lag_events)}</td>
    <td class="num" data-label=${say("lag_exposed")}>${shop.waiting_sales > 0 ? html`<span><${Money} minor=${shop.waiting_minor} currency=${shop.currency} /></span><small>${say("sales_n", { n: shop.waiting_sales })}</small>` : "–"}</td>
    <td class="num" data-label=${say("lag_unread")}>${count(shop.unprojected_events)}</td>
    <td data-label=${say("lag_feeds")}>${shop.feeds.length === 0 ? "–" : shop.feed_age_ms === 0 ? say("lag_feeds_new") : html`<span>${lasting(shop.feed_age_ms)}</span>${old.length > 0 && html`<small><bdi dir="ltr">${old.join(", ")}</bdi></small>`}`}</td></tr>`;
}

export function Lags() {
  const all = shops.value;
  if (all.length === 0) return null;
  const head = (/** @type {import("./office_words.js").Word} */ word, number = false) => html`<th scope="col" class=${number ? "num" : ""}>${say(word)}</th>`;
  return html`<section class="shops over" aria-labelledby="lags-title"><div class="hd"><h2 id="lags-title">${say("lags")}</h2><div class="twin"><button type="button" onClick=${save}><${Icon} name="csv" size="s" />CSV</button></div></div>
    <table class="table"><thead><tr>${head("shop")}${head("lag_time")}${head("lag_events", true)}${head("lag_exposed", true)}${head("lag_unread", true)}${head("lag_feeds")}</tr></thead>
      <tbody>${all.map((shop) => html`<${Row} key=${shop.store} shop=${shop} />`)}</tbody></table>
    <p class="hint foot">${say("lags_words")}</p></section>`;
}
