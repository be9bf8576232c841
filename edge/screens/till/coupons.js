// Coupons in the sale: what is said of them, the rows under its lines, and the key that takes one out.
import { signal } from "@preact/signals";
import { unbroken } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { lineHindered, send } from "./doings.js";
import { tell } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").CouponView} CouponView */

/** The code that is typed in the sheet. */
export const couponTyped = signal("");

/** Presents what was typed; it stays until the box has taken it. */
export function useCoupon() {
  const code = couponTyped.value.trim();
  if (code === "") return void tell(say("coupon_type"));
  if (!send({ type: "add_coupon", code }, code)) return undefined;
  store.sheet.value = null;
  return undefined;
}

/** @param {import("./command_queue").Wish} one */
export function couponAnswered({ command }) {
  if (command.type === "add_coupon") couponTyped.value = "";
}

/**
 * What is to be said of the coupons after a step; null where nothing is.
 * @param {readonly CouponView[]} before @param {readonly CouponView[]} next
 */
export function couponNews(before, next) {
  const come = next.find((each) => before.every((old) => old.code !== each.code));
  if (come) return say(come.counts ? "coupon_counts" : "coupon_kept", { name: unbroken(come.name) });
  const gone = before.find((each) => next.every((now) => now.code !== each.code));
  return gone ? say("coupon_out", { name: unbroken(gone.name) }) : null;
}

/** @param {{coupon: CouponView}} props */
function Row({ coupon }) {
  const done = store.screen.value === "change";
  const open = store.screen.value === "sell" && !lineHindered(store.chosen.value ?? EMPTY);
  const name = unbroken(coupon.name);
  return html`<div class=${`given coupon${coupon.counts ? " coupon--counts" : ""}`}><${Icon} name=${coupon.counts ? "check" : "tag"} size="s" />
    <span class="grow"><b>${say("coupon")}</b> <bdi>${name}</bdi> <bdi class="quiet coupon__code">${coupon.code}</bdi>
      ${!coupon.counts && html`<span class="quiet coupon__why">${say(done ? "coupon_unused" : "coupon_nothing")}</span>`}</span>
    ${open && html`<button type="button" class="key key--quiet" aria-label=${say("coupon_take_out", { name })} onClick=${() => send({ type: "remove_coupon", code: coupon.code }, coupon.name)}><${Icon} name="times" size="s" /></button>`}</div>`;
}

/** A line that may change: whether something was paid already is all that is asked of it. */
const EMPTY = /** @type {import("./protocol").LineView} */ ({});

/** Under the lines, in the order in which they came. */
export function CouponRows() {
  const coupons = store.view.value?.coupons ?? [];
  if (!coupons.length) return null;
  return html`<li class="whole" key="coupons">${coupons.map((coupon) => html`<${Row} key=${coupon.code} coupon=${coupon} />`)}</li>`;
}

/** In the sheet of what is wanted now and then. */
export function CouponField() {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    useCoupon();
  };
  return html`<form class="by-code" onSubmit=${submit}><h3>${say("coupon")}</h3>
    <div class="field"><label for="coupon-code">${say("coupon_code")}</label>
      <div class="check"><input id="coupon-code" class="input grow" autocomplete="off" autocapitalize="characters" spellcheck=${false} dir="ltr" value=${couponTyped.value}
        onInput=${(/** @type {InputEvent} */ event) => (couponTyped.value = /** @type {HTMLInputElement} */ (event.target).value)} />
        <button type="submit" class="key" aria-label=${say("coupon_use")}><${Icon} name="tag" /><span>${say("coupon_use")}</span></button></div>
      <p class="hint">${say("coupon_hint")}</p></div></form>`;
}
