// The bar on top: where we are, how the line and the shops stand, this device's choices.
import { theme, THEMES } from "../kit/choices.js";
import { Clock, html, Icon, Wire } from "../kit/parts.js";
import { signOut } from "./arrivals.js";
import { choose, count, language, LANGUAGES, say } from "./office_words.js";
import * as store from "./store.js";
import { longDay, since } from "./times.js";

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" role="img" aria-label="Tillbox">
    <path class="mark__box" d="M3 12h26v17H3z" />
    <path class="mark__slip" d="M9 3h14v19.5l-2.3-1.7-2.4 1.7-2.3-1.7-2.3 1.7-2.4-1.7L9 22.5z" />
    <path class="mark__print" d="M12.5 8h7M12.5 12h7" /></svg>`;
}

/** The one sign: this page's line first, then the shops'. */
function LinkSign() {
  const lost = store.lostSince.value;
  if (lost !== null) {
    return html`<p class="link link--lost"><${Icon} name="lost" /><span><b>${say("link_lost")}</b> <span>${say("link_lost_words", { time: since(lost, store.now.value) })}</span></span></p>`;
  }
  const all = store.stores.value;
  if (!store.ready.value || all.length === 0) return null;
  const here = all.filter((each) => each.connected).length;
  const tone = here === all.length ? "well" : "wait";
  return html`<p class=${`link link--${tone}`}><${Wire} broken=${tone === "well" ? "" : "office"} /><span><b>${say("shops_in_touch", { n: count(here), all: count(all.length) })}</b></span></p>`;
}

export function Languages() {
  const chosen = (/** @type {Event} */ event) => void choose(/** @type {import("../kit/words.js").Language} */ (/** @type {HTMLSelectElement} */ (event.target).value));
  return html`<label class="pick"><${Icon} name="globe" /><span class="said">${say("language")}</span>
    <select class="key" value=${language()} onChange=${chosen}>${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select></label>`;
}

function Themes() {
  const chosen = (/** @type {Event} */ event) => (theme.value = /** @type {HTMLSelectElement} */ (event.target).value);
  return html`<label class="pick"><${Icon} name="screen" /><span class="said">${say("theme")}</span>
    <select class="key" value=${theme.value} onChange=${chosen}>${THEMES.map((each) => html`<option key=${each} value=${each}>${say(`theme_${each}`)}</option>`)}</select></label>`;
}

export function TopBar() {
  const signed = Boolean(store.user.value);
  return html`<header class="top"><${Mark} />
    <div class="top__where"><b>${say("office")}</b><span>${longDay(store.now.value)} · <${Clock} at=${store.now.value} /></span></div>
    <div class="top__sign" role="status">${signed || store.lostSince.value !== null ? html`<${LinkSign} />` : null}</div>
    ${signed && html`<div class="top__do"><${Languages} /><${Themes} />
      <button type="button" class="key key--quiet" onClick=${() => void signOut()}><${Icon} name="out" turns=${true} /><span>${say("sign_out")}</span></button></div>`}
  </header>`;
}
