// A customer's own price in words, the same for the cashier and for the customer.
import { money, unbroken } from "./numbers.js";
import { say } from "./words.js";

/** Which book has which price, and which listed one that is in place of. @param {string} book @param {number | undefined} price of the book; of no book only the name is said @param {number} listed @param {string} currency */
export const bookWords = (book, price, listed, currency) => (price === undefined ? unbroken(book) : say("book_price", { book: unbroken(book), price: money(price, currency), listed: money(listed, currency) }));
