// Whose sale it is: looked for by name or number, scanned anywhere, and asked by name where it is shown.
import { effect, signal, untracked } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { unbroken } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { ask } from "./box_api.js";
import { send } from "./doings.js";
import { tell, why } from "./happenings.js";
import { keyName, keys } from "./keyboard.js";
import { Fault } from "./message_line.js";
import { Sheet } from "./sheet.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").FoundCustomer} FoundCustomer */

const TYPING_MS = 150;
const LETTERS_MIN = 2;

const typed = signal("");
const found = signal(/** @type {readonly FoundCustomer[] | null} */ (null));
const fault = signal("");
/** Who the sale's customer is: views carry a number alone, so that no name is kept with an answer. */
const known = signal(/** @type {FoundCustomer | null} */ (null));

export function askCustomer() {
  typed.value = fault.value = "";
  found.value = null;
  store.sheet.value = "customer";
}

/** The name of the sale's customer; the number while nobody knows it, or not any more. */
export function customerName() {
  const number = store.view.value?.customer?.number ?? "";
  return number && known.value?.number === number ? unbroken(known.value.name) : number;
}

/** @param {string} customer a number, or empty for nobody */
function choose(customer) {
  if (send({ type: "set_customer", customer }, customer)) store.sheet.value = null;
}

/** @param {string} text @param {boolean} entered one that is found alone is meant */
async function look(text, entered) {
  try {
    const { customers } = /** @type {{customers: FoundCustomer[]}} */ (await ask("GET", `/api/v1/customers?q=${encodeURIComponent(text)}`));
    if (text !== typed.value.trim()) return;
    fault.value = "";
    found.value = customers;
    if (entered && customers.length === 1 && customers[0]) choose(customers[0].number);
  } catch (error) {
    fault.value = why(error);
  }
}

effect(() => {
  const text = typed.value.trim();
  if (store.sheet.value !== "customer") return undefined;
  if (text.length < LETTERS_MIN) {
    untracked(() => (found.value = null));
    return undefined;
  }
  const timer = setTimeout(() => void look(text, false), TYPING_MS);
  return () => clearTimeout(timer);
});

/** @param {string} number */
async function learn(number) {
  try {
    known.value = await ask("GET", `/api/v1/customers/${encodeURIComponent(number)}`);
  } catch {
    known.value = { number, name: number, groups: [] }; // erased meanwhile, or the box is away: the number is there
  }
}

let shown = /** @type {import("./protocol").TillView | null} */ (null);
effect(() => {
  const next = store.view.value;
  const before = shown;
  shown = next;
  untracked(() => void follow(before, next));
});

/** Says who came, and who went. @param {import("./protocol").TillView | null} before @param {import("./protocol").TillView | null} next */
async function follow(before, next) {
  const [was, now] = [before?.customer?.number ?? "", next?.customer?.number ?? ""];
  if (!now) known.value = null;
  if (was === now) return;
  const sameSale = before !== null && before.sale_id === next?.sale_id;
  if (!now) {
    if (sameSale && next?.state === "open") tell(say("customer_gone"), "");
    return;
  }
  if (store.sheet.value === "customer") store.sheet.value = null; // scanned behind it
  await learn(now);
  if (before === null || next?.state !== "open" || store.view.value?.customer?.number !== now) return;
  sound("added");
  tell(say("customer_is", { name: customerName() }), "");
}

/** On phones, which show no head of the slip: a row under its lines. */
export function CustomerRow() {
  const name = customerName();
  if (!name) return null;
  const change = store.screen.value === "sell";
  return html`<li class="whole buyer-row" key="customer"><div class="given"><${Icon} name="user" size="s" /><span class="grow"><b>${say("customer")}</b> <bdi>${name}</bdi></span>
    ${change && html`<button type="button" class="key key--quiet" aria-label=${say("customer")} onClick=${askCustomer}><${Icon} name="pen" size="s" /></button>`}</div></li>`;
}

/** In the slip's head: who it is, or the key that asks. */
export function CustomerChip() {
  const name = customerName();
  if (store.screen.value === "change" || store.screen.value === "indoubt" || store.screen.value === "paying") {
    return name ? html`<span class="buyer"><${Icon} name="user" size="s" /><bdi class="cut">${name}</bdi></span>` : null;
  }
  return html`<button type="button" class=${`key key--quiet buyer${name ? " buyer--known" : ""}`} aria-label=${name ? `${say("customer")}: ${name}` : undefined} onClick=${askCustomer}>
    <${Icon} name="user" size="s" /><bdi class="cut">${name || say("customer")}</bdi>${!name && html` <kbd>${keyName(keys().customer)}</kbd>`}</button>`;
}

function Results() {
  const all = found.value;
  if (all === null) return html`<p class="quiet">${say("customer_hint")}</p>`;
  if (all.length === 0) return html`<p role="status">${say("customer_none", { text: typed.value.trim() })}</p>`;
  return html`<p class="said" role="status">${say("customers_n", { n: all.length })}</p><ul class="found">${all.map(
    (each) => html`<li key=${each.number}><button type="button" class="key" onClick=${() => choose(each.number)}><bdi class="grow">${unbroken(each.name)}</bdi><bdi class="hint">${each.number}</bdi></button></li>`,
  )}</ul>`;
}

export function CustomerSheet() {
  const name = customerName();
  useLayoutEffect(() => document.getElementById("customer-text")?.focus(), []);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (typed.value.trim().length >= LETTERS_MIN) void look(typed.value.trim(), true);
  };
  return html`<${Sheet} title=${say("customer")}>
    ${name && html`<div class="notice"><${Icon} name="user" /><span class="grow"><b><bdi>${name}</bdi></b> <bdi class="quiet">${store.view.value?.customer?.groups.join(", ")}</bdi></span>
      <button type="button" class="key" onClick=${() => choose("")}>${say("customer_remove")}</button></div>`}
    <form class="check" onSubmit=${submit}><label class="said" for="customer-text">${say("customer_find")}</label>
      <input id="customer-text" class="input grow" type="search" enterkeyhint="search" autocomplete="off" autocapitalize="off" spellcheck=${false} placeholder=${say("customer_find")} value=${typed.value}
        onInput=${(/** @type {InputEvent} */ event) => (typed.value = /** @type {HTMLInputElement} */ (event.target).value)} />
      <button type="submit" class="key" aria-label=${say("customer_look")}><${Icon} name="search" /></button></form>
    ${fault.value && html`<${Fault} words=${fault.value} />`}
    <div class="check__answer"><${Results} /></div><//>`;
}
