// Tenders in words and pictures.
import { money } from "../kit/numbers.js";
import { locale, say } from "../kit/words.js";

/** @typedef {import("./protocol").TenderView} TenderView */

const NAMES = Object.freeze({
  cash: /** @type {const} */ ("cash"),
  card: /** @type {const} */ ("card"),
  gift_card: /** @type {const} */ ("gift_card"),
  points: /** @type {const} */ ("points"),
  house_account: /** @type {const} */ ("house_account"),
  voucher: /** @type {const} */ ("voucher"),
  manual_card: /** @type {const} */ ("manual_card"),
  foreign_cash: /** @type {const} */ ("foreign_cash"),
});
const ICONS = Object.freeze({ cash: "cash", card: "card", gift_card: "gift", points: "points", house_account: "invoice", voucher: "tag", manual_card: "terminal", foreign_cash: "globe" });

/** @param {string} kind of a tender, or a way of paying */
export const tenderName = (kind) => (kind in NAMES ? say(NAMES[/** @type {keyof typeof NAMES} */ (kind)]) : kind);

/** @param {string} kind */
export const tenderIcon = (kind) => ICONS[/** @type {keyof typeof ICONS} */ (kind)] ?? "card";

/**
 * What goes back to the customer when a sale is given up, in words; empty when nothing was taken. A card is never among it: the
 * box refuses then.
 * @param {import("./protocol").TillView} view
 */
export function givenBack({ tenders, currency }) {
  const taken = tenders.filter((tender) => tender.state === "taken" && tender.kind !== "manual_card");
  const cash = taken.filter((tender) => tender.kind === "cash" && !tender.reference).reduce((sum, tender) => sum + tender.amount_minor, 0);
  const others = taken.filter((tender) => tender.kind !== "cash" || tender.reference).map((tender) => (tender.kind === "cash" ? tender.reference : `${tenderName(tender.kind)} ${money(tender.amount_minor, currency)}`));
  return new Intl.ListFormat(locale(), { type: "conjunction" }).format([...(cash ? [money(cash, currency)] : []), ...others]);
}

/** What the customer has to hand back when a sale is given up in which money had gone back; empty when none had. @param {import("./protocol").TillView} view */
export function takenAgain({ tenders, currency }) {
  const given = tenders.filter((tender) => tender.state === "returned").reduce((sum, tender) => sum - tender.amount_minor, 0);
  return given > 0 ? money(given, currency) : "";
}
