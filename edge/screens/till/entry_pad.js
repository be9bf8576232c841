// The pad that takes the quick keys' place when a person asks for it: a code, a weight, a quantity.
import { money, quantity, unbroken } from "../kit/numbers.js";
import { html, Icon, Keypad } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { closePad, multiply, padEnter, padErase, padQuantity, padType } from "./doings.js";
import * as store from "./store.js";

/** What the primary key does. @param {import("./store").PriceUse} use @param {string} price */
const openWords = (use, price) => (use.quantity === 1000 ? say("open_price_add", { price }) : say("open_price_add_times", { price, quantity: quantity(use.quantity, "piece") }));

/** @param {{use: Exclude<import("./store").PadUse, import("./store").ScaleUse | import("./store").DepartmentUse | import("./store").TrackUse>}} props */
export function EntryPad({ use }) {
  const title = use.kind === "price" ? say("price_of", { name: unbroken(use.name) }) : use.kind === "code" ? say("number_pad") : use.kind === "weight" ? say("weight_of", { name: unbroken(use.name) }) : say("quantity_of", { name: unbroken(use.line.name) });
  const unit = use.kind === "weight" || (use.kind === "quantity" && use.line.unit === "kg") ? "kg" : "piece";
  const shown = use.kind === "price" ? money(Number(store.padDigits.value || 0), store.currency.value) : use.kind === "code" ? store.typed.value : quantity(padQuantity(use), unit);
  const enter = use.kind === "price" ? openWords(use, shown) : use.kind === "code" ? say("enter_code") : say(use.kind === "weight" ? "weight_add" : "quantity_set", { quantity: shown });
  const corner =
    use.kind === "code"
      ? html`<button type="button" class="key" key="times" aria-label=${say("key_times")} onClick=${() => multiply(store.typed.value)}>×</button>`
      : html`<button type="button" class="key" key="00" onClick=${() => padType("00")}>00</button>`;
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2>
      <button type="button" class="key key--quiet" onClick=${closePad}><${Icon} name="times" />${say("close")}</button></div>
    <section class="entry" aria-label=${title}>
      ${use.kind !== "code" && html`<div class="amount">${use.kind === "price" && use.unknown && html`<bdi class="quiet departments__code">${use.unknown}</bdi>`}<output><bdi>${shown}</bdi></output></div>`}
      <${Keypad} top=${7} last=${corner} press=${padType} erase=${padErase} name=${title} />
      <button type="button" class="key key--primary" onClick=${padEnter}><bdi>${enter}</bdi> <kbd>Enter</kbd></button></section>`;
}
