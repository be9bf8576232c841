// What is wanted now and then: a price, a receipt again, all keys.
import { useLayoutEffect } from "preact/hooks";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { CouponField } from "./coupons.js";
import { askEmpties } from "./empties.js";
import { askCustomer } from "./customers.js";
import { askEmail } from "./emailing.js";
import { openDisplay } from "./facing.js";
import { keyName, keys } from "./keyboard.js";
import { openPriceCheck } from "./price_check.js";
import { printAgain, receiptAsked, receiptTyped } from "./printing_again.js";
import { Sheet } from "./sheet.js";
import * as store from "./store.js";

export function MoreSheet() {
  const now = keys();
  useLayoutEffect(() => {
    if (!matchMedia("(pointer: fine)").matches) return; // no screen keyboard unasked
    const field = document.getElementById("again-receipt");
    if (field instanceof HTMLInputElement) field.select();
  }, []);
  const copy = (/** @type {Event} */ event) => {
    event.preventDefault();
    printAgain("reprint_receipt", receiptAsked());
  };
  return html`<${Sheet} title=${say("more")}>
    <div class="sheet__row"><button type="button" class="key key--tall" onClick=${openPriceCheck}><${Icon} name="tag" /><span>${say("price_check")}</span> <kbd>${keyName(now.check)}</kbd></button>
      <button type="button" class="key key--tall" onClick=${askEmpties}><${Icon} name="bottle0" /><span>${say("empties")}</span> <kbd>${keyName(now.empties)}</kbd></button>
      ${store.screen.value !== "change" && html`<button type="button" class="key key--tall" onClick=${askCustomer}><${Icon} name="user" /><span>${say("customer")}</span> <kbd>${keyName(now.customer)}</kbd></button>`}
      <button type="button" class="key key--tall" onClick=${openDisplay}><${Icon} name="screen" /><span>${say("display")}</span></button>
      <button type="button" class="key key--tall" onClick=${() => (store.sheet.value = "keys")}><${Icon} name="keypad" /><span>${say("all_keys")}</span> <kbd>${keyName(now.help)}</kbd></button></div>
    <form class="again" onSubmit=${copy}><h3>${say("again_title")}</h3>
      <div class="field"><label for="again-receipt">${say("again_number")}</label>
        <input id="again-receipt" class="input" autocomplete="off" autocapitalize="off" spellcheck=${false} dir="ltr" value=${receiptTyped.value ?? store.view.value?.last_receipt ?? ""}
          onInput=${(/** @type {InputEvent} */ event) => (receiptTyped.value = /** @type {HTMLInputElement} */ (event.target).value)} />
        <p class="hint">${say("again_hint")}</p></div>
      <div class="sheet__row"><button type="submit" class="key key--tall"><${Icon} name="printer" /><span>${say("again_copy")}</span></button>
        <button type="button" class="key key--tall" onClick=${() => printAgain("print_gift_receipt", receiptAsked())}><${Icon} name="gift" /><span>${say("again_gift")}</span></button>
        <button type="button" class="key key--tall" onClick=${() => askEmail(receiptAsked())}><${Icon} name="mail" /><span>${say("email")}</span></button></div></form>
    <${CouponField} /><//>`;
}
