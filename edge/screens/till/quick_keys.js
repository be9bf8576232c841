// Quick keys in pages, six by four: a key keeps its place, also where a page has gaps. And what a search found.
import { ICONS } from "../kit/icons.js";
import { unbroken } from "../kit/numbers.js";
import { html, Icon, Money } from "../kit/parts.js";
import { rightToLeft, say } from "../kit/words.js";
import { sellArticle } from "./doings.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").QuickKeyView} QuickKeyView */

const LONG_WORD = /[^\s,-]{10,}/u;
/** More signs than two lines of a narrow key hold. */
const LONG_NAME = 20;

/** @param {string} name */
function nameKind(name) {
  const word = LONG_WORD.test(name) ? " name--long" : "";
  return `name${word}${[...name].length > LONG_NAME ? " name--full" : ""}`;
}

/** @param {{tile: QuickKeyView, reach: boolean}} props */
function Tile({ tile, reach }) {
  const price = html`<${Money} minor=${tile.price_minor} currency=${store.currency.value} />`;
  return html`<button type="button" class="tile" tabindex=${reach ? 0 : -1} data-place=${tile.place} onClick=${() => sellArticle(tile)}>
    <${Icon} name=${tile.icon in ICONS ? tile.icon : "bag"} />
    ${tile.open_price ? html`<span class="hint">${say("open_price_typed")}</span>` : tile.unit === "kg" ? html`<span class="unit">${price}<span>${say("per_kg")}</span></span>` : price}
    <span class=${nameKind(tile.name)}><bdi>${unbroken(tile.name)}</bdi></span></button>`;
}

/** Arrows move inside the keys; Tab leaves them. @param {KeyboardEvent} event */
function move(event) {
  const grid = /** @type {HTMLElement} */ (event.currentTarget);
  const all = /** @type {HTMLElement[]} */ ([...grid.querySelectorAll(".tile")]);
  const at = all.indexOf(/** @type {HTMLElement} */ (event.target));
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const turn = rightToLeft() ? -1 : 1;
  const steps = { ArrowRight: turn, ArrowLeft: -turn, ArrowDown: columns, ArrowUp: -columns };
  const next = event.key === "Home" ? all[0] : event.key === "End" ? all.at(-1) : all[at + (steps[/** @type {keyof typeof steps} */ (event.key)] ?? NaN)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** @param {KeyboardEvent} event */
function turnPage(event) {
  const turn = rightToLeft() ? -1 : 1;
  const step = event.key === "ArrowRight" ? turn : event.key === "ArrowLeft" ? -turn : 0;
  if (!step) return;
  const pages = store.quickPages.value;
  const at = pages.findIndex((page) => page.id === store.pageId.value);
  const next = pages[(at + step + pages.length) % pages.length];
  if (!next) return;
  event.preventDefault();
  store.pageId.value = next.id;
  requestAnimationFrame(() => document.getElementById(`page-${next.id}`)?.focus());
}

export function QuickKeys() {
  const pages = store.quickPages.value;
  const page = pages.find((each) => each.id === store.pageId.value) ?? pages[0];
  // both places are kept until the keys come: what stands below must not jump
  if (!page) return html`<div class="tabs" aria-hidden="true"><span class="tab"></span></div><div class="tiles" aria-busy="true"></div>`;
  return html`<div class="tabs" role="tablist" aria-label=${say("quick_keys")} onKeyDown=${turnPage}>
      ${pages.map((each) => html`<button type="button" class="tab" role="tab" id=${`page-${each.id}`} key=${each.id} aria-selected=${each.id === page.id}
        aria-controls="tiles" tabindex=${each.id === page.id ? 0 : -1} onClick=${() => (store.pageId.value = each.id)}>${each.name}</button>`)}</div>
    <div class="tiles" id="tiles" role="tabpanel" aria-labelledby=${`page-${page.id}`} onKeyDown=${move}>
      ${page.keys.map((tile, place) => html`<${Tile} key=${`${page.id} ${tile.place}`} tile=${tile} reach=${place === 0} />`)}</div>`;
}

/** @param {{found: {text: string, articles: import("./protocol").ArticleView[]}, at: number}} props */
export function Found({ found, at }) {
  const { articles, text } = found;
  if (!articles.length) return html`<h2 class="found__title"><span role="status">${say("found_none", { text })}</span></h2><div></div>`;
  return html`<h2 class="found__title"><span role="status">${say("found_title", { n: articles.length })}</span></h2>
    <ul class="found">${articles.map(
      (article, place) => html`<li key=${article.sku}><button type="button" class="key" aria-current=${place === at ? "true" : undefined} onClick=${() => sellArticle(article)}>
        <bdi class="grow">${unbroken(article.name)}</bdi><span class="hint">${article.sku}</span>
        <span>${article.open_price ? say("open_price_typed") : html`<${Money} minor=${article.price_minor} currency=${store.currency.value} />`}${article.unit === "kg" && say("per_kg")}</span></button></li>`,
    )}</ul>`;
}
