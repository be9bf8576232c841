// Goods on the till's scale: the live weight large, what it costs, a tare to type, and one key that takes it. A scale
// that weighs at a price has no live weight: the price of a kilogram stands there, and the key lets it weigh.
import { useSignal } from "@preact/signals";
import { extended, quantity } from "../kit/numbers.js";
import { html, Icon, Keypad, Money, State } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { closePad, openPad, padErase, padType, scaleOf, takeWeight, weighHindered } from "./doings.js";
import * as store from "./store.js";

/** @param {{use: import("./store").ScaleUse}} props */
export function WeighStep({ use }) {
  const taring = useSignal(false); // a phone has room for the weight or for the pad of the tare
  const scale = scaleOf(store.view.value);
  const tare = Number(store.padDigits.value || 0);
  const atPrice = scale?.weighs_at_price === true;
  const seen = !atPrice && (scale?.weight === "stable" || scale?.weight === "unstable");
  const net = seen ? (scale?.weight_g ?? 0) - tare : 0;
  const asked = store.view.value?.weighing ?? null;
  const hindered = weighHindered();
  const title = say("weight_of", { name: use.name });
  const currency = store.currency.value;
  const shown = seen ? quantity(net, "kg") : say("weight_none");
  const perKg = html`<bdi><${Money} minor=${use.price_minor} currency=${currency} />${say("per_kg")}</bdi>`;
  const lies = atPrice ? say(tare > 0 ? "weigh_at_price_tare" : "weigh_at_price") : say("weigh_still");
  return html`<div class="entry__head"><h2 class="cut">${title}</h2>
      <button type="button" class="key key--quiet weigh__type" aria-label=${say("weight_type")} onClick=${() => openPad({ kind: "weight", code: use.code, name: use.name, price_minor: use.price_minor })}><${Icon} name="keypad" /><span>${say("weight_type")}</span></button>
      <button type="button" class="key key--quiet" onClick=${closePad}><${Icon} name="times" />${say("close")}</button></div>
    <section class=${`entry weigh${taring.value ? " weigh--tare" : ""}`} aria-label=${title}>
      <div class="amount weigh__live" data-weight=${atPrice ? (hindered ? "gone" : "at_price") : scale?.weight || "gone"}>
        ${atPrice ? html`<output class="weigh__price" aria-live="off">${perKg}</output>` : html`<output class="weigh__kg" aria-live="off"><bdi>${shown}</bdi></output>
        <output class="weigh__price" aria-live="off">${seen && net > 0 ? html`<${Money} minor=${extended(use.price_minor, net)} currency=${currency} />` : "\u2013"}</output>`}
        <span class="weigh__how">${!atPrice && perKg}
          <bdi>${tare > 0 ? say("weigh_tare", { tare: quantity(tare, "kg") }) : say("weigh_no_tare")}</bdi></span></div>
      <p class="weigh__state" role="status">${asked ? html`<${State} tone="wait"><span>${say("weighing_now", { name: asked.name })}</span><//>` : html`<${State} tone=${hindered ? "person" : atPrice ? "plain" : "well"}><span>${hindered || lies}</span><//>`}</p>
      <${Keypad} top=${7} last=${html`<button type="button" class="key" key="00" onClick=${() => padType("00")}>00</button>`} press=${padType} erase=${padErase} name=${say("weigh_tare_pad")} />
      <button type="button" class="key weigh__tare" aria-pressed=${taring.value} onClick=${() => (taring.value = !taring.value)}>${say("weigh_tare_key")}</button>
      <button type="button" class=${`key weigh__take${hindered || asked ? "" : " key--primary"}`} aria-disabled=${hindered || asked ? "true" : undefined} onClick=${takeWeight}><bdi>${atPrice ? say("weigh_go") : say("weigh_take", { quantity: seen ? shown : "\u2013" })}</bdi> <kbd>Enter</kbd></button></section>`;
}
