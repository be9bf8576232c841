// Where empties come back: what was taken so far and what it gives, and keys for what has no code.
import { ICONS } from "../kit/icons.js";
import { quantity, unbroken } from "../kit/numbers.js";
import { html, Icon, Money } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { depositKeys, emptiesHere, endEmpties, takeEmpty } from "./empties.js";
import * as store from "./store.js";

export function EmptiesDesk() {
  const title = say("empties_title");
  const here = emptiesHere();
  const n = here.reduce((sum, line) => sum + line.quantity / 1000, 0);
  const worth = here.reduce((sum, line) => sum - line.amount_minor, 0);
  const currency = store.currency.value;
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2></div>
    <section class="departments empties" aria-label=${title}><p class="quiet">${say("empties_words")}</p>
      <ul>${depositKeys().map(
        (tile) => html`<li key=${tile.code}><button type="button" class="key key--tall" onClick=${() => takeEmpty(tile.code, tile.name)}>
          <${Icon} name=${tile.icon in ICONS ? tile.icon : "bag"} /><bdi>${unbroken(tile.name)}</bdi> <${Money} minor=${tile.price_minor} currency=${currency} /></button></li>`,
      )}</ul>
      <div class="amount" aria-live="polite"><span class="quiet">${say("empties_count", { n })} ${here.length > 0 && quantity(here.at(-1)?.quantity ?? 0, "piece") && html`<small><bdi>${unbroken(here.at(-1)?.name ?? "")}</bdi></small>`}</span>
        <output><${Money} minor=${worth} currency=${currency} /></output></div>
      <button type="button" class="key key--primary hand__go" onClick=${endEmpties}>${say("empties_done")} <kbd>Esc</kbd></button></section>`;
}
