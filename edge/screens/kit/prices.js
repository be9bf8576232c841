// A customer's own price in words, the same for the cashier and for the customer.
import { money, unbroken } from "./numbers.js";
import { html } from "./parts.js";
import { say } from "./words.js";

/** Which book has which price, and which listed one that is instead of; of no book only the name. A sentence runs as the page does, whatever script the name is in. @param {string} name @param {number | undefined} price of the book @param {number} listed @param {string} currency */
export const bookWords = (name, price, listed, currency) =>
  price === undefined ? html`<bdi>${unbroken(name)}</bdi>` : html`<span>${say("book_price", { book: unbroken(name), price: money(price, currency), listed: money(listed, currency) })}</span>`;
