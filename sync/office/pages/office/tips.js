// Tips of today by cashier: what a shop pays out in the evening.
import { effect, signal, untracked } from "@preact/signals";
import { html, Money } from "../kit/parts.js";
import { ask } from "./office_api.js";
import { count, say } from "./office_words.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").CashierTipsView} CashierTipsView */

/** A crowd of sales is one question. */
const CALM_MS = 2_000;

const tips = signal(/** @type {readonly CashierTipsView[]} */ ([]));
/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;

/** What the shops have together: it is asked anew when that changed. */
const taken = () => store.stores.value.map((each) => `${each.slug} ${each.tips_today_minor}`).join();
let known = "";

async function read() {
  later = undefined;
  const now = taken();
  try {
    tips.value = (await ask("GET", "/api/v1/tips")).tips;
    known = now;
  } catch {
    // the next sale asks again; that head office is silent is said on top
  }
}

effect(() => {
  const [shown, now] = [store.ready.value, taken()];
  untracked(() => {
    if (!shown) [tips.value, known] = [[], ""];
    else if (now !== known) later ??= setTimeout(() => void read(), known ? CALM_MS : 0);
  });
});

export function CashierTips() {
  const all = tips.value;
  if (all.length === 0) return null;
  return html`<section class="shops over" aria-labelledby="tips-title"><h2 id="tips-title">${say("tips_today")}</h2>
    <table class="table"><thead><tr><th scope="col">${say("tips_cashier")}</th><th scope="col">${say("shop")}</th><th scope="col" class="num">${say("tips_sales")}</th><th scope="col" class="num">${say("tip")}</th></tr></thead>
      <tbody>${all.map(
        (each) => html`<tr key=${`${each.store} ${each.cashier} ${each.currency}`}><th scope="row"><bdi>${each.cashier || "\u2013"}</bdi></th>
          <td data-label=${say("shop")}><bdi>${store.storeName(each.store)}</bdi></td><td class="num" data-label=${say("tips_sales")}>${count(each.sales)}</td>
          <td class="num" data-label=${say("tip")}><${Money} minor=${each.tip_minor} currency=${each.currency} /></td></tr>`,
      )}</tbody></table>
    <p class="hint foot">${say("tips_words")}</p></section>`;
}
