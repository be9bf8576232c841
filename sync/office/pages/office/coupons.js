// Coupons that count once and were used twice: two shops without a line may both take the same code.
import { effect, signal, untracked } from "@preact/signals";
import { html } from "../kit/parts.js";
import { ask } from "./office_api.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { ago } from "./times.js";

/** @typedef {import("./protocol").CouponUseView} CouponUseView */

/** A crowd of sales is one question. */
const CALM_MS = 2_000;

const doubles = signal(/** @type {readonly CouponUseView[]} */ ([]));
/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;
let asked = false;

async function read() {
  later = undefined;
  asked = true;
  try {
    doubles.value = (await ask("GET", "/api/v1/coupons?doubles=true")).uses;
  } catch {
    // the next sale asks again; that head office is silent is said on top
  }
}

effect(() => {
  const shown = store.ready.value && store.sales.value.length >= 0;
  untracked(() => {
    if (!shown) [doubles.value, asked] = [[], false];
    else later ??= setTimeout(() => void read(), asked ? CALM_MS : 0);
  });
});

export function DoubledCoupons() {
  const uses = doubles.value;
  if (uses.length === 0) return null;
  return html`<section class="shops over" aria-labelledby="coupons-title"><h2 id="coupons-title">${say("coupons_twice")}</h2>
    <table class="table"><thead><tr><th scope="col">${say("coupon")}</th><th scope="col">${say("shop")}</th><th scope="col">${say("receipt")}</th><th scope="col" class="num">${say("coupon_when")}</th></tr></thead>
      <tbody>${uses.map(
        (use) => html`<tr key=${`${use.code} ${use.store} ${use.receipt_number}`}><th scope="row"><bdi>${use.code}</bdi> <small><bdi>${use.name}</bdi></small></th>
          <td data-label=${say("shop")}><bdi>${store.storeName(use.store)}</bdi></td><td data-label=${say("receipt")}><bdi>${use.receipt_number}</bdi></td>
          <td class="num" data-label=${say("coupon_when")}>${ago(use.used_at, store.now.value)}</td></tr>`,
      )}</tbody></table>
    <p class="hint foot">${say("coupons_twice_words")}</p></section>`;
}
