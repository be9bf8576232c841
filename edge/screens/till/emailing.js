// A receipt by e-mail: one field, and what becomes of it. The address is kept nowhere on this till.
import { useLayoutEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import { receiptInWords } from "./returns.js";
import { Sheet } from "./sheet.js";
import * as store from "./store.js";

/** What was typed, until the box has taken it, and of which receipt. */
const address = signal("");
const receipt = signal("");

/** Asks for an address. @param {string} wanted the number of a receipt, or the text of its code */
export function askEmail(wanted) {
  if (wanted === "") return void tell(say("again_type"));
  if (wanted !== receipt.value) [receipt.value, address.value] = [wanted, ""];
  store.sheet.value = "email";
  return undefined;
}

/** @param {Event} event */
function sendTyped(event) {
  event.preventDefault();
  const typed = address.value.trim();
  if (typed === "") document.getElementById("email-address")?.focus();
  else if (send({ type: "email_receipt", receipt: receipt.value, address: typed }, receipt.value)) store.sheet.value = null;
}

/** @param {import("./command_queue").Wish} one */
export function emailAnswered({ command }) {
  if (command.type === "email_receipt") {
    tell(say("email_asked", { receipt: receiptInWords(command.receipt) }), "");
    address.value = "";
  } else if (command.type === "next_sale") address.value = ""; // that customer went
}

export function EmailSheet() {
  useLayoutEffect(() => document.getElementById("email-address")?.focus(), []);
  return html`<${Sheet} title=${say("email_title")}><form class="again again--first" onSubmit=${sendTyped}>
    <p class="quiet"><bdi>${say("sale_number", { receipt: receiptInWords(receipt.value) })}</bdi></p>
    <div class="field"><label for="email-address">${say("email_address")}</label>
      <input id="email-address" class="input" inputmode="email" enterkeyhint="send" autocomplete="off" autocapitalize="off" spellcheck=${false} dir="ltr" maxlength="254" value=${address.value} aria-describedby="email-hint"
        onInput=${(/** @type {InputEvent} */ event) => (address.value = /** @type {HTMLInputElement} */ (event.target).value)} />
      <p class="hint" id="email-hint">${say("email_hint")}</p></div>
    <div class="sheet__row"><button type="submit" class="key key--tall key--primary"><${Icon} name="mail" /><span>${say("email_send")}</span></button></div></form><//>`;
}
