// The pad that takes the quick keys' place when a person asks for it: a code, a weight, a quantity.
import { quantity, unbroken } from "../kit/numbers.js";
import { html, Icon, Keypad } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { closePad, multiply, padEnter, padErase, padQuantity, padType } from "./doings.js";
import * as store from "./store.js";

/** @param {{use: Exclude<import("./store").PadUse, import("./store").ScaleUse>}} props */
export function EntryPad({ use }) {
  const title = use.kind === "code" ? say("number_pad") : use.kind === "weight" ? say("weight_of", { name: unbroken(use.name) }) : say("quantity_of", { name: unbroken(use.line.name) });
  const unit = use.kind === "weight" || (use.kind === "quantity" && use.line.unit === "kg") ? "kg" : "piece";
  const shown = use.kind === "code" ? store.typed.value : quantity(padQuantity(use), unit);
  const enter = use.kind === "code" ? say("enter_code") : say(use.kind === "weight" ? "weight_add" : "quantity_set", { quantity: shown });
  const corner =
    use.kind === "code"
      ? html`<button type="button" class="key" key="times" aria-label=${say("key_times")} onClick=${() => multiply(store.typed.value)}>×</button>`
      : html`<button type="button" class="key" key="00" onClick=${() => padType("00")}>00</button>`;
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2>
      <button type="button" class="key key--quiet" onClick=${closePad}><${Icon} name="times" />${say("close")}</button></div>
    <section class="entry" aria-label=${title}>
      ${use.kind !== "code" && html`<div class="amount"><output><bdi>${shown}</bdi></output></div>`}
      <${Keypad} top=${7} last=${corner} press=${padType} erase=${padErase} name=${title} />
      <button type="button" class="key key--primary" onClick=${padEnter}><bdi>${enter}</bdi> <kbd>Enter</kbd></button></section>`;
}
