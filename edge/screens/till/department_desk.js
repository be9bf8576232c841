// What nobody knows is sold by department: which one, in the quick keys' place.
import { useLayoutEffect } from "preact/hooks";
import { ICONS } from "../kit/icons.js";
import { unbroken } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { closePad } from "./doings.js";
import { chooseDepartment, departments } from "./open_prices.js";

/** @param {{use: import("./store").DepartmentUse}} props */
export function DepartmentDesk({ use }) {
  const title = say("department_title");
  useLayoutEffect(() => document.querySelector(".departments .key") instanceof HTMLElement ? /** @type {HTMLElement} */ (document.querySelector(".departments .key")).focus() : undefined, []);
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2>
      <button type="button" class="key key--quiet" onClick=${closePad}><${Icon} name="times" />${say("close")}</button></div>
    <section class="departments" aria-label=${title}><p class="quiet">${say("department_words")} <bdi class="departments__code">${use.unknown}</bdi></p>
      <ul>${departments().map(
        (tile, place) => html`<li key=${tile.code}><button type="button" class="key key--tall" onClick=${() => chooseDepartment(place + 1)}>
          <${Icon} name=${tile.icon in ICONS ? tile.icon : "bag"} /><bdi>${unbroken(tile.name)}</bdi> ${place < 9 && html`<kbd>${place + 1}</kbd>`}</button></li>`,
      )}</ul></section>`;
}
