// A card in doubt, dealt with by people: asked about again, settled from evidence, taken back; and what contradicts it later.
import { signal } from "@preact/signals";
import { newId } from "../kit/ids.js";
import { decimals, money } from "../kit/numbers.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./store").Settling} Settling */
/** @typedef {import("./command_queue").Wish} Wish */
/** @typedef {Extract<import("./protocol").Command, {type: "attach_evidence" | "reverse_in_doubt" | "settle_card_alarm"}>} DeskCommand */

export const NUMBER_CHARS_MAX = 40;
export const SAW = Object.freeze(/** @type {const} */ (["saw_dead", "saw_replaced", "saw_cut"]));

/** What was found about each contradiction, as far as it is typed. */
export const found = signal(/** @type {Record<string, string>} */ ({}));

const doubt = () => store.view.value?.doubt ?? null;
export const isRefund = () => doubt()?.kind === "refund";

/** Asks the terminal at once. */
export function askNow() {
  const payment = doubt()?.payment;
  if (payment && send({ type: "ask_terminal", payment })) tell(say("doubt_asking"), "");
}

/** @param {Settling["kind"]} kind */
export function openSettling(kind) {
  const payment = doubt()?.payment;
  if (!payment) return;
  store.parking.value = null;
  store.message.value = null;
  store.settling.value = { kind, payment, approved: null, source: "slip", receipt: "", trace: "", terminal: "", amount: "", reason: "", sent: "", last: null };
}

export function closeSettling() {
  store.settling.value = null;
}

/** Changes what is typed; a wish on its way stays as it was sent. @param {Partial<Settling>} change */
export function changeSettling(change) {
  const now = store.settling.value;
  if (now && !now.sent) store.settling.value = { ...now, ...change };
}

/** An amount as people write it, in minor units: 12.90, 12,90, ١٢٫٩٠; NaN for anything else. @param {string} text @param {string} currency */
export function minorOf(text, currency) {
  const plain = text.trim().replace(/[\u0660-\u0669\u06f0-\u06f9]/gu, (digit) => String((/** @type {number} */ (digit.codePointAt(0)) - 0x660) % 0x90)).replace(/[,\u066b]/gu, ".");
  const places = decimals(currency);
  const typed = /^(\d{1,7})(?:\.(\d{1,3}))?$/.exec(plain);
  const cents = typed?.[2] ?? "";
  if (!typed || cents.length > places) return Number.NaN;
  return Number(typed[1]) * 10 ** places + Number(cents.padEnd(places, "0") || 0);
}

/** What is still to be chosen or typed, in words; empty when it can go. @param {Settling} now */
export function missing(now) {
  if (now.kind === "reverse" && !now.receipt.trim()) return say("reverse_type");
  if (now.kind === "attach" && now.approved === null) return say("evidence_choose");
  if (now.kind === "attach" && now.approved && !now.receipt.trim() && !now.trace.trim()) return say("evidence_type_number");
  if (now.kind === "attach" && now.approved && !(minorOf(now.amount, store.currency.value) > 0)) return say("evidence_type_amount");
  return now.reason.trim() ? "" : say("type_reason");
}

/** @param {Settling} now @returns {DeskCommand} */
function commandOf(now) {
  const common = { payment: now.payment, reason: now.reason.trim() };
  if (now.kind === "reverse") return { type: "reverse_in_doubt", ...common, receipt: now.receipt.trim() };
  if (!now.approved) return { type: "attach_evidence", ...common, approved: false, source: now.source };
  const numbers = { receipt: now.receipt.trim(), trace: now.trace.trim(), terminal_id: now.terminal.trim() };
  return { type: "attach_evidence", ...common, approved: true, source: now.source, ...numbers, amount_minor: minorOf(now.amount, store.currency.value) };
}

/** What the primary key does, and what a second person approves. @param {Settling} now */
export function does(now) {
  const amount = money(doubt()?.amount_minor ?? 0, store.currency.value);
  if (now.kind === "reverse") return say("reverse_do", { amount });
  if (now.approved === null) return say("evidence_do");
  if (isRefund()) return now.approved ? say("evidence_do_back", { amount }) : say("evidence_do_not_back");
  return now.approved ? say("evidence_do_charged", { amount }) : say("evidence_do_not");
}

/** Sends it. The very same wish again has the same id: it is done once. */
export function sendSettling() {
  const now = store.settling.value;
  if (!now || now.sent) return;
  const lacks = missing(now);
  if (lacks) return void tell(lacks);
  const command = commandOf(now);
  const body = JSON.stringify(command);
  const id = now.last?.body === body ? now.last.id : newId();
  if (send(command, "", { id })) store.settling.value = { ...now, sent: id, last: { body, id } };
}

/** An alarm is ended with what was found. @param {string} payment */
export function endAlarm(payment) {
  const reason = (found.value[payment] ?? "").trim();
  if (!reason) return void tell(say("alarm_type"));
  send({ type: "settle_card_alarm", payment, reason }, "", { id: newId() });
  return undefined;
}

// --- answers ---------------------------------------------------------------------------------------

/** @param {Wish} one */
const ours = ({ command }) => command.type === "attach_evidence" || command.type === "reverse_in_doubt" || command.type === "settle_card_alarm";

/** @param {Wish} one */
export function settlingAnswered(one) {
  const { command } = one;
  if (!ours(one)) return;
  if (store.settling.value?.sent === command.command_id) store.settling.value = null;
  if (command.type === "settle_card_alarm") {
    const { [command.payment]: _, ...rest } = found.value;
    found.value = rest;
    tell(say("alarm_kept"), "");
    if (!store.view.value?.card_alarms.length && store.sheet.value === "alarms") store.sheet.value = null;
  }
  const view = store.view.value;
  if (command.type === "attach_evidence" && !command.approved && view?.state === "open") tell(say(view.refund_due_minor > 0 ? "evidence_settled_back" : "evidence_settled"), "");
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function settlingRefused(refusal, one) {
  if (!ours(one)) return false;
  const now = store.settling.value;
  if (now?.sent === one.command.command_id) store.settling.value = { ...now, sent: "" };
  if (refusal.code === "needs_approval" || refusal.code === "approval_over") {
    const { approval: _, ...command } = /** @type {import("./approving").Approval["command"]} */ (one.command);
    const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
    const reason = "reason" in command && command.reason ? command.reason : "";
    const alarm = command.type === "settle_card_alarm";
    const about = alarm ? say("alarm_title") : "receipt" in command && command.receipt ? `${say("evidence_receipt")}: ${command.receipt}` : say("evidence_title");
    askApproval({ command, name: one.name, what: alarm || !now ? say("alarm_do") : does(now), about, reason, fault });
    return true;
  }
  if (refusal.code !== "command_id_reused") return false;
  // the box had done it when its answer was lost: only the approval of the repeat was another one
  store.settling.value = null;
  tell(say("done_already"));
  return true;
}

/** It was not answered while it was good. @param {Wish} one */
export function settlingLate(one) {
  const now = store.settling.value;
  if (now?.sent === one.command.command_id) store.settling.value = { ...now, sent: "" };
}

/** Takes the command up again once a second person approved it. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedSettling(command, name, until) {
  const now = store.settling.value;
  const { command_id: id, ...wish } = command;
  if (send(/** @type {import("./protocol").Command} */ (wish), name, { id, until }) && now?.last?.id === id) store.settling.value = { ...now, sent: id };
}
