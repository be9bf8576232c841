// A tip: beside the total, for the staff. What may be offered, what is typed, and how it is sent; only the box counts it.
import { signal } from "@preact/signals";
import { newId } from "../kit/ids.js";
import { decimals, money } from "../kit/numbers.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import { goesBack } from "./refunds.js";
import { focusSoon, pickedLines } from "./returns.js";
import * as store from "./store.js";

/** @typedef {import("./command_queue").Wish} Wish */
/** @typedef {import("./protocol").TillView} TillView */

const DIGITS_MAX = 9;
const ROUND_MAX = 3;

/** The digits of a tip that is typed in the sheet. */
export const tipDigits = signal("");

/** Cash that was given whole: it is taken once the box has its tip. @type {{sale: string | null, amount: number, id: string} | null} */
let keeping = null;

/** Whether this sale may have a tip now, or has one that can be taken off. */
export function takesTip() {
  const view = store.view.value;
  if (view?.state !== "open" || goesBack()) return false;
  return view.tip_minor > 0 || (Boolean(store.session.value?.tips) && view.tip_minor === 0 && view.total_minor >= 0 && store.liveLines.value.some((line) => line.entry !== "returned"));
}

export function askTip() {
  if (!takesTip()) return tell(say(store.session.value?.tips ? "refusal_tip_without_goods" : "refusal_tips_off"));
  tipDigits.value = "";
  store.sheet.value = "tip";
  return undefined;
}

/** A part of an amount, in millionths; ties up. @param {number} minor @param {number} ppm */
const part = (minor, ppm) => Math.floor((minor * ppm * 2 + 1_000_000) / 2_000_000);

/** What the store offers, and what it comes to of this total. @returns {{ppm: number, minor: number}[]} */
export function offers() {
  const total = store.view.value?.total_minor ?? 0;
  return (store.session.value?.tips?.offers_ppm ?? []).map((ppm) => ({ ppm, minor: part(total, ppm) })).filter((each) => each.minor > 0);
}

/** Sums that a customer may say instead: the next whole one, the next five, the next ten; never twice what is to be paid. */
export function roundSums() {
  const total = store.view.value?.total_minor ?? 0;
  const one = 10 ** decimals(store.currency.value) * (decimals(store.currency.value) === 0 ? 100 : 1);
  const sums = new Set([1, 5, 10, 50, 100].map((step) => (Math.floor(total / (step * one)) + 1) * step * one));
  return [...sums].filter((sum) => sum <= total * 2).sort((a, b) => a - b).slice(0, ROUND_MAX);
}

/** @param {string} digits */
export function typeTip(digits) {
  const next = `${tipDigits.value}${digits}`.replace(/^0+/, "");
  if (next.length <= DIGITS_MAX) tipDigits.value = next;
}

export const eraseTip = () => void (tipDigits.value = tipDigits.value.slice(0, -1));

/** @param {number} amount_minor @param {string} [id] */
export function setTip(amount_minor, id = newId()) {
  keeping = null;
  if (!send({ type: "set_tip", amount_minor }, say("tip"), { id })) return false;
  if (store.sheet.value === "tip") store.sheet.value = null;
  return true;
}

/** What is typed in the sheet becomes the tip. */
export function setTyped() {
  const minor = Number(tipDigits.value || 0);
  if (minor > 0) return setTip(minor);
  sound("refused");
  tell(say("tip_type"));
  return false;
}

// --- "keep the change" -----------------------------------------------------------------------------

/** What would be left of the cash that is typed; 0 where there is nothing to keep. */
export function changeToKeep() {
  const view = store.view.value;
  if (!view || !store.session.value?.tips || !takesTip() || store.way.value !== "cash" || store.amountDigits.value === "") return 0;
  return Math.max(0, store.amount.value - view.due_minor);
}

/** All that is given is to be paid: the rest of it is the tip. */
export function keepChange() {
  const view = store.view.value;
  const over = changeToKeep();
  if (!view || over <= 0) return;
  const [id, amount] = [newId(), store.amount.value];
  if (setTip(view.tip_minor + over, id)) keeping = { sale: view.sale_id, amount, id };
}

// --- a tip that goes back --------------------------------------------------------------------------

/** The tip of the receipt that is looked at goes back; why is said as for goods. */
export function giveTipBack() {
  const now = store.returning.value;
  if (!now?.sold || now.sent) return undefined;
  const reason = now.reason.trim();
  if (!reason) {
    sound("refused");
    focusSoon("return-reason");
    return tell(say("type_reason"));
  }
  send({ type: "return_tip", receipt: now.sold.receipt_number, reason }, say("tip"));
  return undefined;
}

/** It is in the sale: the desk has done its part, unless goods of the receipt are chosen too. @param {string} receipt */
function tipWentBack(receipt) {
  const now = store.returning.value;
  if (now?.sold?.receipt_number !== receipt) return;
  if (pickedLines(now).length) store.returning.value = { ...now, sold: { ...now.sold, tip_back_minor: 0 } };
  else {
    store.returning.value = null;
    store.pane.value = "basket";
  }
}

/** What goes back stays with the staff after all. */
export const keepTip = () => void send({ type: "set_tip", amount_minor: 0 }, say("tip"));

// --- answers ---------------------------------------------------------------------------------------

/** @param {Wish} one */
export function tipAnswered({ command }) {
  if (command.type === "return_tip") tipWentBack(command.receipt);
  if (command.type !== "set_tip") return;
  const view = store.view.value;
  const kept = keeping?.id === command.command_id && keeping.sale === view?.sale_id ? keeping : null;
  keeping = null;
  if (kept && view?.state === "open" && view.due_minor === kept.amount) {
    if (send({ type: "take_cash", amount_minor: kept.amount })) store.amountDigits.value = "";
  }
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function tipRefused(refusal, one) {
  if (one.command.type !== "set_tip" && one.command.type !== "return_tip") return false;
  if (refusal.code !== "needs_approval" && refusal.code !== "approval_over") {
    keeping = null;
    return false;
  }
  const { approval: _, ...command } = one.command;
  const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
  if (command.type === "set_tip") askApproval({ command, name: one.name, what: `${say("tip")} ${money(command.amount_minor, store.currency.value)}`, about: "", reason: say("tip_over"), fault });
  else askApproval({ command, name: one.name, what: say("tip_back"), about: command.receipt, reason: command.reason, fault });
  return true;
}

/** Sends it anew once a second person approved it. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedTip(command, name, until) {
  const { command_id: id, ...wish } = command;
  send(/** @type {import("./protocol").Command} */ (wish), name, { id, until });
}

/** It was set, changed or taken off: said, and an amount that meant what was due before is no more. @param {TillView} before @param {TillView} next */
export function tipNews(before, next) {
  if (before.tip_minor === next.tip_minor) return;
  sound("added");
  if (next.tip_minor < 0) return tell(`${say("tip_back")} ${money(-next.tip_minor, next.currency)}`, "");
  if (!keeping && Number(store.amountDigits.value) <= before.due_minor) store.amountDigits.value = "";
  return tell(next.tip_minor > 0 ? say("tip_is", { tip: money(next.tip_minor, next.currency), sum: money(next.total_minor + next.tip_minor, next.currency) }) : say("tip_gone"), "");
}
