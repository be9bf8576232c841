// The sheet of the price check: one field, and what the last code costs, read from where the customer stands.
import { useLayoutEffect } from "preact/hooks";
import { quantity, unbroken } from "../kit/numbers.js";
import { html, Icon, Money } from "../kit/parts.js";
import { bookWords } from "../kit/prices.js";
import { say } from "../kit/words.js";
import { Fault } from "./message_line.js";
import { fault, foundHere, look, lookTyped, refusedWords, typedCode } from "./price_check.js";
import { Sheet } from "./sheet.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").PriceView} PriceView */

/** @param {{price: PriceView}} props */
function Costs({ price }) {
  const { currency, unit } = price;
  const each = unit === "kg" ? say("per_kg") : "";
  const less = price.now_minor < price.amount_minor && price.now_minor !== price.book_minor; // the book says it itself
  return html`<div class="costs">
    <p class="costs__name"><bdi>${unbroken(price.name)}</bdi> <span class="hint"><bdi>${price.sku}</bdi></span></p>
    <p class="costs__now"><${Money} minor=${price.now_minor} currency=${currency} kind="huge" />${!price.labelled && each && html`<span>${each}</span>`}</p>
    ${less && html`<p>${say("price_instead")} <s><${Money} minor=${price.amount_minor} currency=${currency} /></s></p>`}
    ${price.book && html`<p><${Icon} name="tag" size="s" /> ${bookWords(price.book, price.book_minor, price.price_minor, currency)}</p>`}
    ${price.labelled && html`<p class="quiet">${say("price_labelled", { quantity: quantity(price.quantity, unit) })} <${Money} minor=${price.price_minor} currency=${currency} />${each}</p>`}
    ${price.promotions.length > 0 && html`<h3 class="costs__head">${say("promotions")}</h3><ul class="costs__why">${price.promotions.map(
      (promotion, place) => html`<li key=${place}><${Icon} name="percent" size="s" /><span class="grow"><bdi>${unbroken(promotion.name)}</bdi></span>
        ${!promotion.now && html`<span class="quiet">${say("promotion_not_now")}</span>`}${promotion.coupon && html`<span class="quiet">${say("promotion_coupon")}</span>`}${promotion.members && html`<span class="quiet">${say("promotion_members")}</span>`}</li>`,
    )}</ul>`}</div>`;
}

function Answer() {
  const found = foundHere.value;
  if (found) {
    return html`<p class="quiet" role="status">${say("found_title", { n: found.articles.length })}</p><ul class="found">${found.articles.map(
      (article) => html`<li key=${article.sku}><button type="button" class="key" onClick=${() => void look(article.code)}><bdi class="grow">${unbroken(article.name)}</bdi><span class="hint">${article.sku}</span>
        <span><${Money} minor=${article.price_minor} currency=${store.currency.value} />${article.unit === "kg" && say("per_kg")}</span></button></li>`,
    )}</ul>`;
  }
  const check = store.view.value?.price_check;
  if (check?.price) return html`<${Costs} price=${check.price} />`;
  if (check?.refused) return html`<p class="costs__no"><${Icon} name="wait" /><span>${refusedWords(check.refused)}</span></p>`;
  return html`<p class="quiet">${check ? say("price_check_words") : say("opening")}</p>`;
}

export function PriceSheet() {
  useLayoutEffect(() => document.getElementById("check-code")?.focus(), []);
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    void lookTyped();
  };
  return html`<${Sheet} title=${say("price_check")}><form class="check" onSubmit=${submit}>
      <label class="said" for="check-code">${say("find")}</label>
      <input id="check-code" class="input grow" type="search" enterkeyhint="search" autocomplete="off" autocapitalize="off" spellcheck=${false} placeholder=${say("find")} value=${typedCode.value}
        onInput=${(/** @type {InputEvent} */ event) => (typedCode.value = /** @type {HTMLInputElement} */ (event.target).value)} />
      <button type="submit" class="key" aria-label=${say("price_ask")}><${Icon} name="scan" /><span>${say("price_ask")}</span></button></form>
    ${fault.value && html`<${Fault} words=${fault.value} />`}
    <div class="check__answer" aria-live="polite"><${Answer} /></div><//>`;
}
