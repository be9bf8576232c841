// Price books ahead: how many shops have each whole, which do not, and why.
import { effect, signal, untracked } from "@preact/signals";
import { html, State } from "../kit/parts.js";
import { ask } from "./office_api.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { since, wallTime } from "./times.js";

/** @typedef {import("./protocol").BookView} BookView */
/** @typedef {import("./protocol").BookShopView} BookShopView */

/** Before midnight somebody watches the count. */
const LOOK_MS = 5_000;
const MINUTE_MS = 60_000;
/** Shops that are named under a book; more have one cause. */
const NAMED_MAX = 8;

const books = signal(/** @type {readonly BookView[]} */ ([]));
/** @type {ReturnType<typeof setInterval> | undefined} */
let looking;

async function read() {
  try {
    books.value = (await ask("GET", "/api/v1/books")).books;
  } catch {
    // that head office is silent is said on top
  }
}

effect(() => {
  const shown = store.ready.value;
  untracked(() => {
    clearInterval(looking);
    looking = undefined;
    books.value = [];
    if (!shown) return;
    looking = setInterval(() => void read(), LOOK_MS);
    void read();
  });
});

/** Why a shop is not ready. @param {BookShopView} shop @param {number} now */
function why(shop, now) {
  if (shop.state === "away") return say("book_away", { time: since(shop.last_contact, now) });
  if (shop.state === "clock") return say("book_clock", { n: Math.round(Math.abs(shop.clock_ahead_ms) / MINUTE_MS) });
  if (shop.state === "loading") return say("book_loading", { held: shop.prices_held, all: shop.prices });
  return say(shop.state === "refused" ? "book_refused" : shop.state === "never" ? "book_never" : "book_silent");
}

/** @param {{shop: BookShopView}} props */
function Missing({ shop }) {
  return html`<p><bdi>${shop.name}</bdi>: ${why(shop, store.now.value)}${shop.words && html` <bdi lang="en">${shop.words}</bdi>`}</p>`;
}

/** @param {{book: BookView}} props */
function Book({ book }) {
  const holds = book.instants.every((each) => each.from_ms <= store.now.value);
  const whole = book.ready === book.shops;
  const more = book.shops - book.ready - Math.min(NAMED_MAX, book.missing.length);
  return html`<tr><th scope="row"><bdi>${book.name}</bdi>${book.group && html`<small>${say("book_group", { group: book.group })}</small>`}</th>
    <td data-label=${say("book_from")}>${book.instants.map((each) => html`<span key=${each.local}>${wallTime(each.local)}${book.instants.length > 1 && html` <small>${say("book_ready", { ready: each.ready, n: each.shops })}</small>`}</span>`)}</td>
    <td data-label=${say("state")}><${State} tone=${whole ? "well" : holds ? "lost" : "wait"}>${say("book_ready", { ready: book.ready, n: book.shops })}<//>${holds && html`<small>${say("book_holds")}</small>`}</td>
    <td class="say full">${whole ? html`<span class="hint">${say("todo_none")}</span>` : html`${book.missing.slice(0, NAMED_MAX).map((shop) => html`<${Missing} key=${shop.store} shop=${shop} />`)}${more > 0 && html`<p>${say("book_more", { n: more })}</p>`}`}</td></tr>`;
}

export function PriceBooks() {
  const all = books.value;
  if (all.length === 0) return null;
  const head = (/** @type {import("./office_words.js").Word} */ word) => html`<th scope="col">${say(word)}</th>`;
  return html`<section class="shops over" aria-labelledby="books-title"><h2 id="books-title">${say("books")}</h2>
    <table class="table"><thead><tr>${head("book")}${head("book_from")}${head("state")}${head("todo")}</tr></thead>
      <tbody>${all.map((book) => html`<${Book} key=${book.id} book=${book} />`)}</tbody></table>
    <p class="hint foot">${say("books_words")}</p></section>`;
}
