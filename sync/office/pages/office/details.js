// What a line of a sale carries beside its article, in words: for the sale as a person opens it.
import { html } from "../kit/parts.js";
import { count, say } from "./office_words.js";
import { storeName } from "./store.js";
import { dayOf } from "./times.js";

/** @typedef {import("./protocol").LineView} LineView */

/** Words with something a person or a label wrote in them, which may run the other way. @param {string} name @param {string} value */
const named = (name, value) => html`${name} <bdi class="said-so">${value}</bdi>`;

/** Who allowed it, behind what it was. @param {string | undefined} who */
export const approved = (who) => who && html` · ${say("approved_by")} <bdi>${who}</bdi>`;

/** @param {LineView} line @returns {unknown[]} */
export function detailWords(line) {
  const found = line.details;
  const back = line.returned_from ? named(say("came_back_from"), line.returned_from) : say("came_back");
  const why = (/** @type {string | undefined} */ reason) => reason && html` · <bdi>${reason}</bdi>`;
  return [
    found.serial && named(say("serial"), found.serial),
    found.lot && named(say("lot"), found.lot),
    found.expires && html`${say("expires")} ${dayOf(found.expires)}`,
    found.tare_g && say("net_weight", { tare: count(found.tare_g) }),
    found.minimum_age && say("from_age", { n: found.minimum_age }),
    found.deposit && say(line.returned ? "empties" : "deposit"),
    line.returned && html`${back}${found.sold_in && html` · <bdi>${storeName(found.sold_in)}</bdi>`}${why(found.reason)}${approved(found.approver)}`,
    found.open_price && html`${say("price_typed")}${approved(found.approver)}`,
    line.overridden && html`${say("price_by_hand")}${why(found.override_reason)}${approved(found.override_approver)}`,
    found.note && html`${say("note")}: <bdi>${found.note}</bdi>`,
  ].filter(Boolean);
}

/** That somebody looked how old the customer is; no birth date is kept. @param {import("./protocol").SaleView} sale */
export const ageWords = (sale) => say(sale.age_how === "birth_date" ? "age_by_birth_date" : "age_seen", { n: sale.age_checked });
