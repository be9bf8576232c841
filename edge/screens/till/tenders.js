// Tenders beside cash and the card terminal: what is typed, what it is worth, and how it is sent. Only the box counts them.
import { newId } from "../kit/ids.js";
import { decimals, money } from "../kit/numbers.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { ask } from "./box_api.js";
import { chooseWay, send, takeAmount } from "./doings.js";
import { tell } from "./happenings.js";
import { tenderName } from "./tender_words.js";
import * as store from "./store.js";

/** @typedef {import("./store").Way} Way */
/** @typedef {import("./protocol").Command} Command */
/** @typedef {import("./protocol").ForeignCashView} ForeignCashView */
/** @typedef {import("./command_queue").Wish} Wish */
/** @typedef {Extract<Command, {type: "take_tender" | "take_foreign_cash"}>} TenderCommand */

export const REFERENCE_CHARS_MAX = 40;
const PPM = 1_000_000n;

/** All ways of paying; their places are the numbers that choose them with Alt. @type {readonly Way[]} */
export const WAYS = Object.freeze(/** @type {Way[]} */ (["cash", "card", "gift_card", "points", "house_account", "voucher", "manual_card", "foreign_cash"]));
/** What nobody checks a balance of: a second person approves it. @type {ReadonlySet<Way>} */
export const UNCHECKED = new Set(/** @type {Way[]} */ (["gift_card", "points", "house_account"]));
/** Ways that need the number of what is given. @type {ReadonlySet<Way>} */
export const NUMBERED = new Set(/** @type {Way[]} */ ([...UNCHECKED, "voucher", "manual_card"]));

/** The currencies whose notes this store takes. */
export const currencies = () => store.session.value?.foreign_cash ?? [];

const hasTerminal = () => (store.view.value?.devices ?? []).some((device) => device.role === "terminal");

/** The ways that this till has. */
export const waysHere = () => WAYS.filter((way) => (way === "card" ? hasTerminal() : way !== "foreign_cash" || currencies().length > 0));

/** The way was chosen by a person with a keyboard or a mouse: its field has the focus then. A touch would raise the screen's keyboard. */
let focusWanted = false;

/** Whether the field that is drawn now takes the focus. */
export function focusIsWanted() {
  const wanted = focusWanted;
  focusWanted = false;
  return wanted;
}

/** @param {Way} way @param {boolean} byTouch */
export function choose(way, byTouch = false) {
  focusWanted = !byTouch;
  chooseWay(way);
  if (!byTouch) startReference();
}

/** The focus goes into the field of the number; what was typed before is replaced by typing, or kept. */
export function startReference() {
  if (focusReference()) fieldOf()?.select();
}

const fieldOf = () => /** @type {HTMLInputElement | null} */ (document.getElementById("tender-reference"));


/** Alt and a number. @param {number} number */
export function chooseByNumber(number) {
  const way = WAYS[number - 1];
  if (!way) return;
  if (waysHere().includes(way)) choose(way);
  else tell(say(way === "card" ? "refusal_no_terminal" : "foreign_none"));
}

/** Puts the focus into the field of the number; false where there is none. */
export function focusReference() {
  const field = fieldOf();
  field?.focus({ preventScroll: true });
  return field !== null;
}

/** @param {Way} way */
export const reference = (way) => store.tendering.value.references[way] ?? "";

/** Changes what is typed; a wish on its way stays as it was sent. @param {Partial<import("./store").Tendering>} change */
function changeTendering(change) {
  if (!store.tendering.value.sent) store.tendering.value = { ...store.tendering.value, asked: "", ...change };
}

/** The number of a wish on its way stays as it was sent; that of the next one may be typed already. @param {string} text */
export function typeReference(text) {
  const { sent, last, references } = store.tendering.value;
  if (sent && JSON.parse(last?.body ?? "{}").kind === store.way.value) return;
  store.tendering.value = { ...store.tendering.value, asked: "", references: { ...references, [store.way.value]: text } };
}

/** A scan while the number's field has the focus is that number. Returns whether it was one. @param {string} code */
export function takeScan(code) {
  if (document.activeElement?.id !== "tender-reference" || store.screen.value !== "paying") return false;
  typeReference(code.slice(0, REFERENCE_CHARS_MAX));
  return true;
}

// --- notes of another currency ---------------------------------------------------------------------

/** The currency whose notes are counted. @returns {ForeignCashView | null} */
export const foreign = () => currencies().find((each) => each.currency === store.tendering.value.currency) ?? currencies()[0] ?? null;

/** @param {string} currency */
export function chooseCurrency(currency) {
  changeTendering({ currency });
  store.amountDigits.value = "";
}

/** Between units of different digits. @param {ForeignCashView} rate @param {string} currency @returns {[bigint, bigint]} */
function fraction(rate, currency) {
  const digits = decimals(currency) - decimals(rate.currency);
  return [BigInt(rate.rate_ppm) * 10n ** BigInt(Math.max(0, digits)), PPM * 10n ** BigInt(Math.max(0, -digits))];
}

/** What notes are worth here, never a unit more than the rate says: as the box counts it. @param {number} minor @param {ForeignCashView} rate @param {string} currency */
export function worthOf(minor, rate, currency) {
  const [up, down] = fraction(rate, currency);
  return Number((BigInt(minor) * up) / down);
}

/** The least of the other currency's notes that covers what is due: whole ones, for its coins are not taken. @param {number} due @param {ForeignCashView} rate @param {string} currency */
export function covering(due, rate, currency) {
  const [up, down] = fraction(rate, currency);
  const one = 10n ** BigInt(decimals(rate.currency));
  return Number(((BigInt(due) * down + up * one - 1n) / (up * one)) * one);
}

/** What is tendered, in the store's currency. */
export function tendered() {
  const rate = store.way.value === "foreign_cash" ? foreign() : null;
  return rate ? worthOf(store.amount.value, rate, store.currency.value) : store.amount.value;
}

/** An amount in coins that exist, as the box rounds it. @param {number} due */
export function inCoins(due) {
  const step = store.session.value?.cash_step_minor ?? 0;
  return step > 1 ? Math.floor((2 * due + step) / (2 * step)) * step : due;
}

/**
 * What cash brings: the change, or what is then still to pay. A part of the smallest coin is rounded, as the box does.
 * @param {number} due @param {number} given
 */
export function settle(due, given) {
  const coins = inCoins(due);
  return given >= Math.min(coins, due) ? { change: Math.max(0, given - coins), rest: 0 } : { change: 0, rest: due - given };
}

// --- taking ----------------------------------------------------------------------------------------

/** What is still to be typed, or wrong, in words; empty when it can be taken. */
export function lacking() {
  const way = store.way.value;
  const view = store.view.value;
  const amount = store.amount.value;
  if (NUMBERED.has(way) && !reference(way).trim()) return say("type_reference");
  if (way === "manual_card" && amount <= 0) return say("type_manual");
  if (way === "foreign_cash" && amount <= 0) return say("type_notes", { currency: foreign()?.currency ?? "" });
  if (tendered() <= 0) return say("refusal_amount_not_positive");
  if (NUMBERED.has(way) && view && amount > view.due_minor) return say("refusal_tender_over_due", { due: money(view.due_minor, view.currency) });
  return "";
}

/** @param {Way} way @returns {TenderCommand | null} */
function commandOf(way) {
  const amount_minor = store.amount.value;
  if (way === "foreign_cash") {
    const rate = foreign();
    return rate && { type: "take_foreign_cash", currency: rate.currency, amount_minor, shown_minor: tendered() };
  }
  if (way === "cash" || way === "card") return null;
  return { type: "take_tender", kind: way, amount_minor, reference: reference(way).trim() };
}

/** Whether the other terminal's card was asked about: pressed again, it is taken. */
export const asked = () => store.tendering.value.asked !== "" && store.tendering.value.asked === JSON.stringify(commandOf(store.way.value));

/** Takes what the desk shows, the way that is chosen. The very same wish again has the same id: it is done once. */
export function take() {
  const way = store.way.value;
  if (way === "cash" || way === "card") return takeAmount();
  const { sent, last } = store.tendering.value;
  const command = commandOf(way);
  if (store.view.value?.state !== "open" || sent || !command) return undefined;
  const lacks = lacking();
  if (lacks) {
    sound("refused");
    return tell(lacks);
  }
  const body = JSON.stringify(command);
  if (way === "manual_card" && !asked() && store.boxLostSince.value === null) {
    store.tendering.value = { ...store.tendering.value, asked: body };
    return tell(say("manual_ask", { amount: money(command.amount_minor, store.currency.value) }), "person");
  }
  const id = last?.body === body ? last.id : newId();
  if (send(command, "", { id })) store.tendering.value = { ...store.tendering.value, asked: "", sent: id, last: { body, id } };
  return undefined;
}

/** What a second person approves, in words. @param {TenderCommand} command */
const inWords = (command) => (command.type === "take_tender" ? `${tenderName(command.kind)} ${money(command.amount_minor, store.currency.value)}` : money(command.amount_minor, command.currency));

/** @param {Wish} one @returns {TenderCommand | null} */
const ours = ({ command }) => ((command.type === "take_tender" || command.type === "take_foreign_cash") && store.tendering.value.sent === command.command_id ? command : null);

/** It is counted: its place is free for the next one. @param {Wish} one */
export function tenderAnswered(one) {
  const command = ours(one);
  if (!command) return;
  const { [command.type === "take_tender" ? command.kind : "foreign_cash"]: _, ...references } = store.tendering.value.references;
  const same = JSON.stringify(commandOf(store.way.value)) === store.tendering.value.last?.body; // else the next one is being typed already
  store.tendering.value = { ...store.tendering.value, references, sent: "", last: null };
  if (same) store.amountDigits.value = "";
  if (store.view.value?.state === "open") tell(say("tender_counted", { tender: inWords(command) }), "");
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function tenderRefused(refusal, one) {
  const command = ours(one);
  if (!command) return false;
  store.tendering.value = { ...store.tendering.value, sent: "" };
  if (refusal.code === "rate_changed" || refusal.code === "currency_not_taken") void newRates();
  if (command.type === "take_tender" && (refusal.code === "needs_approval" || refusal.code === "approval_over")) {
    const { approval: _, ...wanted } = /** @type {import("./approving").Approval["command"] & {approval?: string}} */ (one.command);
    const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
    askApproval({ command: /** @type {import("./approving").Approval["command"]} */ (wanted), name: "", what: inWords(command), about: command.reference, reason: say("unchecked_short"), fault });
    return true;
  }
  if (refusal.code !== "command_id_reused") return false;
  // the box had taken it when its answer was lost: only the approval of the repeat was another one
  store.tendering.value = { ...store.tendering.value, last: null };
  tell(say("done_already"));
  return true;
}

/** It was not answered while its approval was good. @param {Wish} one */
export function tenderLate(one) {
  if (ours(one)) store.tendering.value = { ...store.tendering.value, sent: "" };
}

/** Takes it up again once a second person approved. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedTender(command, name, until) {
  const { command_id: id, ...wish } = command;
  if (send(/** @type {Command} */ (wish), name, { id, until }) && store.tendering.value.last?.id === id) store.tendering.value = { ...store.tendering.value, sent: id };
}

/** Head office has changed what the store takes, or the rate: the page asks anew. */
async function newRates() {
  try {
    const { foreign_cash } = await ask("GET", "/api/v1/session");
    if (store.session.value) store.session.value = { ...store.session.value, foreign_cash };
  } catch {
    // the box is away: it says so itself, and the next refusal asks again
  }
}
