// Articles without a listed price: the price is typed. And codes that nobody knows, sold by department.
import { newId } from "../kit/ids.js";
import { money } from "../kit/numbers.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { closePad, openPad, send } from "./doings.js";
import { tell } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./command_queue").Wish} Wish */
/** @typedef {{code: string, name: string}} Open what a price is typed for */

/** The wish whose price a second person has to approve, or that is on its way. */
let sent = "";

/** @param {Open} article @param {{quantity?: number, unknown?: string}} [more] */
export function askOpenPrice({ code, name }, { quantity = store.nextQuantity.value, unknown = "" } = {}) {
  store.typed.value = "";
  openPad({ kind: "price", code, name, quantity, unknown });
}

/** Sells it at the price that the pad stands at. @param {import("./store").PriceUse} use */
export function sellOpen(use) {
  const price_minor = Number(store.padDigits.value || 0);
  if (price_minor <= 0) return tell(say("open_price_type"));
  const id = newId();
  const unknown = use.unknown ? { unknown_code: use.unknown } : {};
  if (!send({ type: "add_item", code: use.code, quantity: use.quantity, price_minor, ...unknown }, use.name, { id })) return undefined;
  sent = id;
  if (store.boxLostSince.value !== null) closePrice(); // it waits on the slip
  return undefined;
}

function closePrice() {
  if (store.pad.value?.kind === "price") closePad();
  store.nextQuantity.value = 1000;
}

/** It is in the sale. @param {Wish} one */
export function openAnswered(one) {
  if (one.command.command_id !== sent) return;
  sent = "";
  closePrice();
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function openRefused(refusal, one) {
  const { command } = one;
  if (command.type !== "add_item") return false;
  if (refusal.code === "price_asked") {
    openAsked(refusal.params, command.quantity);
    return true;
  }
  if (command.price_minor === undefined || (refusal.code !== "needs_approval" && refusal.code !== "approval_over")) return false;
  const { approval: _, ...wish } = command;
  const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
  askApproval({ command: wish, name: one.name, what: say("price_set", { price: money(command.price_minor, store.currency.value) }), about: one.name, reason: "", fault });
  return true;
}

/** Sends it anew once a second person approved it. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedOpen(command, name, until) {
  const { command_id: id, ...wish } = command;
  if (send(/** @type {import("./protocol").Command} */ (wish), name, { id, until })) sent = id;
}

/** The box knows the article and asks what it costs. @param {Record<string, string>} params @param {number} [quantity] */
export function openAsked(params, quantity = 1000) {
  if (!params["code"]) return;
  const now = store.pad.value;
  if (now?.kind === "price" && now.code === params["code"]) {
    // asked for in the answer and in the view: what is typed meanwhile stays
    if (quantity !== 1000) store.pad.value = { ...now, quantity };
    return;
  }
  tell(say("refusal_price_asked", { name: params["name"] ?? "" }), "");
  askOpenPrice({ code: params["code"], name: params["name"] ?? params["code"] }, { quantity });
}

// --- unknown codes ---------------------------------------------------------------------------------

/** The departments: quick keys whose price is typed. */
export const departments = () => store.quickPages.value.flatMap((page) => page.keys).filter((tile) => tile.open_price);

/** @param {string} unknown */
export function askDepartment(unknown) {
  store.typed.value = "";
  store.message.value = null;
  openPad({ kind: "department", unknown });
}

/** @param {number} place from 1 */
export function chooseDepartment(place) {
  const use = store.pad.value;
  const tile = departments()[place - 1];
  if (use?.kind === "department" && tile) askOpenPrice(tile, { unknown: use.unknown });
}
