// Money that goes back: as it came by default, another way with a second person. Only the box counts and decides.
import { computed, effect, signal, untracked } from "@preact/signals";
import { newId } from "../kit/ids.js";
import { money } from "../kit/numbers.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { ask } from "./box_api.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import { tenderName } from "./tender_words.js";
import { choose, inCoins, NUMBERED, UNCHECKED, waysHere, WAYS } from "./tenders.js";
import * as store from "./store.js";

/** @typedef {import("./store").Way} Way */
/** @typedef {import("./protocol").PaidTenderView} PaidTenderView */
/** @typedef {import("./command_queue").Wish} Wish */
/** @typedef {Extract<import("./protocol").Command, {type: "give_cash" | "give_tender" | "refund_by_card" | "settle"}>} GiveCommand */
/** @typedef {{way: Way, rest: number, last4: string, reference: string}} Paid what one way had paid, and may have back still */

/** Whether money goes back in this sale. */
export const goesBack = () => (store.view.value?.refund_due_minor ?? 0) > 0;

/** What is left of it that coins can pay: the smallest coin rounds it. */
const cashDue = () => inCoins(store.view.value?.refund_due_minor ?? 0);

/** Whether nothing is left to take or to give: an even exchange, or less than the smallest coin. */
export function isEven() {
  const view = store.view.value;
  if (view?.state !== "open" || !store.hasContent.value) return false;
  return goesBack() ? cashDue() === 0 : view.due_minor === 0 && view.total_minor + view.tip_minor === 0;
}

/** Whether this desk has the word, and not the one that takes money. */
export const gives = () => goesBack() || isEven();

// --- how it was paid -------------------------------------------------------------------------------

/** The tenders of the receipts that the goods come from; `key` says for which of them, and after how many refunds. */
const known = signal(/** @type {{key: string, tenders: PaidTenderView[]}} */ ({ key: "", tenders: [] }));

const wanted = computed(() => {
  if (!goesBack()) return "";
  const receipts = new Set([...store.liveLines.value.map((line) => line.returned_from), ...(store.view.value?.tips_from ?? [])].filter(Boolean));
  const given = (store.view.value?.tenders ?? []).filter((each) => each.state !== "asked").length;
  return JSON.stringify([store.view.value?.sale_id, given, [...receipts]]);
});

effect(() => {
  const key = wanted.value;
  if (key && store.boxLostSince.value === null) untracked(() => void look(key));
});

/** @param {string} key */
async function look(key) {
  if (known.value.key === key) return;
  const [, , receipts] = /** @type {[string, number, string[]]} */ (JSON.parse(key));
  try {
    const sold = await Promise.all(receipts.map((number) => ask("GET", `/api/v1/receipts/${encodeURIComponent(number)}`)));
    if (wanted.value !== key) return;
    known.value = { key, tenders: sold.flatMap(({ tenders }) => /** @type {PaidTenderView[]} */ (tenders)) };
  } catch {
    // it is not known how it was paid: the cashier chooses, the box decides
  }
}

/** How it was paid, by way, what may go back most first; of several cards the one that paid most: each is given its own back. @type {import("@preact/signals").ReadonlySignal<Paid[]>} */
export const paid = computed(() => {
  if (known.value.key !== wanted.value) return [];
  /** @type {Map<string, Paid>} */
  const byWay = new Map();
  for (const each of known.value.tenders) {
    const rest = Math.max(0, each.paid_minor - each.refunded_minor);
    if (!rest) continue;
    const had = byWay.get(each.kind);
    if (had && each.kind !== "card") had.rest += rest;
    else if (!had || rest > had.rest) byWay.set(each.kind, { way: /** @type {Way} */ (each.kind), rest, last4: each.last4, reference: each.kind === "cash" ? "" : each.reference });
  }
  return [...byWay.values()].sort((a, b) => b.rest - a.rest);
});

/** @param {Way} way */
export const paidBy = (way) => paid.value.find((each) => each.way === way) ?? null;

/** The ways that money can go back; the currency of others stays with the customer. */
export const waysBack = () => waysHere().filter((/** @type {Way} */ way) => /** @type {boolean} */ (way !== "foreign_cash"));

/** The refund, and how far it has come, that a person chose the way for. */
let chosenFor = "";
/** Where the refund stood when the last part was asked for: a way chosen before its answer is for the next part. */
let sentAt = "";
const placeNow = (more = 0) => `${store.view.value?.sale_id} ${(store.view.value?.tenders.length ?? 0) + more}`;

/** What the desk chose by itself: a sale that is to be paid after all begins with cash again. @type {Way | ""} */
let usual = "";

effect(() => {
  const open = store.screen.value === "paying" && store.view.value?.state === "open";
  const [first, place] = [paid.value.find((each) => waysBack().includes(each.way)), placeNow()];
  untracked(() => {
    if (open && goesBack()) {
      if (store.tendering.value.sent || chosenFor === place) return;
      usual = first?.way ?? "cash"; // as it was paid, unless the cashier chose
      if (store.way.value === usual) return;
      store.way.value = usual;
      store.amountDigits.value = "";
    } else if (usual && !open && !goesBack()) {
      if (store.way.value === usual) store.way.value = "cash";
      usual = "";
    }
  });
});

/** @param {Way} way @param {boolean} [byTouch] */
export function chooseBack(way, byTouch = false) {
  if (!waysBack().includes(way)) return tell(say(way === "card" ? "refusal_no_terminal" : "refund_foreign_no"));
  chosenFor = placeNow(store.tendering.value.sent && sentAt === placeNow() ? 1 : 0);
  return choose(way, byTouch);
}

/** Alt and a number. @param {number} number */
export function chooseBackByNumber(number) {
  const way = WAYS[number - 1];
  if (way) chooseBack(way);
}

/** Whether giving it this way needs a second person, as far as the page can see. @param {Way} way */
export function needsSecond(way) {
  const other = paid.value.some((each) => each.way !== way);
  return UNCHECKED.has(way) || (other && (paidBy(way)?.rest ?? 0) < Math.min(amountBack(), store.view.value?.refund_due_minor ?? 0));
}

/** The number it is given on: typed, or the one that had paid. @param {Way} way */
export const referenceBack = (way) => store.tendering.value.references[way] ?? paidBy(way)?.reference ?? "";

/** What one tap gives: all of it, or all that this way had paid. */
export function usualBack() {
  const due = store.view.value?.refund_due_minor ?? 0;
  const rest = paidBy(store.way.value)?.rest ?? 0;
  const part = rest > 0 && (paid.value.length > 1 || store.way.value === "card") ? Math.min(due, rest) : due;
  return store.way.value === "cash" && part === due ? cashDue() : part;
}

/** What the desk stands at, in minor units. */
export const amountBack = () => (store.amountDigits.value === "" ? usualBack() : Number(store.amountDigits.value));

/** What is still to be given after that. */
export function remainsBack() {
  const due = store.view.value?.refund_due_minor ?? 0;
  const amount = amountBack();
  return store.way.value === "cash" && amount >= Math.min(due, cashDue()) ? 0 : Math.max(0, due - amount);
}

/** What is still to be typed, or wrong, in words; empty when it can be given. */
export function lackingBack() {
  if (isEven()) return "";
  const view = store.view.value;
  const way = store.way.value;
  const amount = amountBack();
  if (NUMBERED.has(way) && !referenceBack(way).trim()) return say("type_reference");
  if (amount <= 0) return say("refusal_amount_not_positive");
  const due = view?.refund_due_minor ?? 0;
  const most = way === "cash" ? Math.max(due, cashDue()) : due;
  return amount > most ? say("refusal_refund_over_due", { due: money(most, store.currency.value) }) : "";
}

// --- giving ----------------------------------------------------------------------------------------

/** @returns {GiveCommand | null} */
function commandOf() {
  if (isEven()) return { type: "settle" };
  const way = store.way.value;
  const amount_minor = amountBack();
  if (way === "foreign_cash") return null;
  if (way === "cash") return { type: "give_cash", amount_minor };
  if (way === "card") return { type: "refund_by_card", amount_minor };
  return { type: "give_tender", kind: way, amount_minor, reference: referenceBack(way).trim() };
}

/** Gives what the desk shows, the way that is chosen. The very same wish again has the same id: it is done once. */
export function give() {
  const { sent, last } = store.tendering.value;
  const command = commandOf();
  if (store.view.value?.state !== "open" || sent || !command) return undefined;
  const lacks = lackingBack();
  if (lacks) {
    sound("refused");
    return tell(lacks);
  }
  const body = JSON.stringify(command);
  const id = last?.body === body ? last.id : newId();
  sentAt = placeNow();
  if (send(command, "", { id })) store.tendering.value = { ...store.tendering.value, sent: id, last: { body, id } };
  return undefined;
}

/** @param {GiveCommand} command */
function inWords(command) {
  if (command.type === "settle") return say("settle_do");
  const way = command.type === "give_cash" ? "cash" : command.type === "refund_by_card" ? "card" : command.kind;
  return say("given_way", { tender: `${tenderName(way)} ${money(command.amount_minor, store.currency.value)}` });
}

/** @param {Wish} one @returns {GiveCommand | null} */
function ours({ command }) {
  const mine = command.type === "give_cash" || command.type === "give_tender" || command.type === "refund_by_card" || command.type === "settle";
  return mine && store.tendering.value.sent === command.command_id ? command : null;
}

/** @param {Wish} one */
export function refundAnswered(one) {
  const command = ours(one);
  if (!command) return;
  const references = { ...store.tendering.value.references };
  if (command.type === "give_tender") delete references[command.kind];
  const same = JSON.stringify(commandOf()) === store.tendering.value.last?.body; // else the next one is being typed already
  store.tendering.value = { ...store.tendering.value, references, sent: "", last: null };
  if (same) store.amountDigits.value = "";
  if (store.view.value?.state === "open") tell(inWords(command), "");
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function refundRefused(refusal, one) {
  const command = ours(one);
  if (!command) return false;
  store.tendering.value = { ...store.tendering.value, sent: "" };
  if (command.type !== "settle" && (refusal.code === "needs_approval" || refusal.code === "approval_over")) {
    const { approval: _, ...wish } = /** @type {import("./approving").Approval["command"] & {approval?: string}} */ (one.command);
    const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
    const permission = refusal.params["permission"] ?? store.approval.value?.permission;
    const reason = permission === "unchecked_tender" ? say("unchecked_short") : say("refund_other_short", { ways: paid.value.map((each) => tenderName(each.way)).join(", ") });
    askApproval({ command: /** @type {import("./approving").Approval["command"]} */ (wish), name: "", what: inWords(command), about: command.type === "give_tender" ? command.reference : "", reason, fault, permission });
    return true;
  }
  if (refusal.code !== "command_id_reused") return false;
  // the box had given it when its answer was lost: only the approval of the repeat was another one
  store.tendering.value = { ...store.tendering.value, last: null };
  tell(say("done_already"));
  return true;
}

/** It was not answered while its approval was good. @param {Wish} one */
export function refundLate(one) {
  if (ours(one)) store.tendering.value = { ...store.tendering.value, sent: "" };
}

/** Takes it up again once a second person approved. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedRefund(command, name, until) {
  const { command_id: id, ...wish } = command;
  if (send(/** @type {GiveCommand} */ (wish), name, { id, until }) && store.tendering.value.last?.id === id) store.tendering.value = { ...store.tendering.value, sent: id };
}
