// What people set by hand: discounts, prices, notes, the drawer without a sale. Typed in the desk, counted by the box.
import { newId } from "../kit/ids.js";
import { money, unbroken } from "../kit/numbers.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { off } from "./by_hand_words.js";
import { comesBack, lineHindered, send } from "./doings.js";
import { takeRefusal, tell } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./store").Hand} Hand */
/** @typedef {import("./command_queue").Wish} Wish */
/** @typedef {import("./protocol").Command} Command */

export const PERCENTS = Object.freeze([5, 10, 20, 50]);
export const TEXT_CHARS_MAX = 200;
/** A drawer that opens later opens in nobody's presence. */
const DRAWER_AGE_MS_MAX = 10_000;
const PERCENT_MAX = 100;
const PPM_OF_PERCENT = 10_000;
const PERCENT_TYPED = /^(?:\d{1,3}(?:\.\d{0,2})?)?$/;
const AMOUNT_TYPED = /^\d{0,9}$/;

/** The reasons that a shop has every day, as words of the catalogue. */
export const REASONS = Object.freeze({
  discount: /** @type {const} */ (["why_damaged", "why_date", "why_display", "why_match", "why_goodwill", "why_staff"]),
  price: /** @type {const} */ (["why_shelf", "why_damaged", "why_date", "why_match"]),
  drawer: /** @type {const} */ (["why_change", "why_forgotten", "why_coins", "why_look"]),
  note: /** @type {const} */ ([]),
});

/** The line that something typed is for: also after its quantity was counted anew. @param {Hand} hand */
export function lineOf(hand) {
  const row = store.rows.value.find(({ line, was }) => line.line_id === hand.line || was.some((old) => old.line_id === hand.line));
  return row?.line ?? null;
}

/** @param {Hand["kind"]} kind @param {string} line empty for the whole sale */
function open(kind, line) {
  store.pad.value = null;
  store.parking.value = null;
  store.returning.value = null;
  store.pane.value = "keys";
  const hand = { kind, line, percent: true, digits: "", text: "", sent: "", last: null };
  store.hand.value = kind === "note" ? { ...hand, text: writtenNote(hand) } : hand;
}

/** The note that is there already. @param {Hand} hand */
export const writtenNote = (hand) => (hand.line ? lineOf(hand)?.note : store.view.value?.note) ?? "";

/** Why a line's price stays as it is; empty when it may change. @param {import("./protocol").LineView | null} line */
function priceHindered(line) {
  if (!store.liveLines.value.length) return say("refusal_no_sale_open");
  return line && comesBack(line) ? say("refusal_line_is_a_return", { name: unbroken(line.name) }) : lineHindered(line);
}

export function askDiscount() {
  const hindered = priceHindered(store.chosen.value);
  if (hindered) return tell(hindered);
  return open("discount", store.chosen.value?.line_id ?? "");
}

export function askPrice() {
  const hindered = priceHindered(store.chosen.value);
  if (hindered) return tell(hindered);
  return open("price", store.chosen.value?.line_id ?? "");
}

export function askNote() {
  if (store.screen.value !== "sell") return tell(say("refusal_no_sale_open"));
  return open("note", store.chosen.value?.line_id ?? "");
}

export const hasDrawer = () => (store.view.value?.devices ?? []).some((device) => device.role === "drawer");

export function askDrawer() {
  if (!hasDrawer()) return tell(say("refusal_no_drawer"));
  return open("drawer", "");
}

/** Changes what is typed; a wish on its way stays as it was sent. @param {Partial<Hand>} change */
export function changeHand(change) {
  const hand = store.hand.value;
  if (hand && !hand.sent) store.hand.value = { ...hand, ...change };
}

/** The chosen line, or the whole sale: a note that was written there comes into the field. @param {string} line */
export function aimHand(line) {
  const hand = store.hand.value;
  if (!hand || hand.line === line) return;
  const aimed = { ...hand, line };
  const untouched = hand.kind === "note" && hand.text === writtenNote(hand);
  changeHand(untouched ? { line, text: writtenNote(aimed) } : { line });
}

/** @param {string} signs */
export function typeHand(signs) {
  const hand = store.hand.value;
  if (!hand) return;
  const typed = `${hand.digits}${signs}`;
  if (hand.kind === "discount" && hand.percent) {
    const next = typed.replace(/^0+(?=\d)/, "").replace(/^\./, "0.");
    if (PERCENT_TYPED.test(next) && Number(next) <= PERCENT_MAX) changeHand({ digits: next });
  } else {
    const next = typed.replace(/^0+(?=\d)/, "");
    if (AMOUNT_TYPED.test(next)) changeHand({ digits: next });
  }
}

export const eraseHand = () => changeHand({ digits: store.hand.value?.digits.slice(0, -1) ?? "" });

/** What is still to be typed, in words; empty when it can go. @param {Hand} hand */
export function missing(hand) {
  if (hand.kind === "discount" && !Number(hand.digits)) return say("type_discount");
  if (hand.kind === "price" && hand.digits === "") return say("type_price");
  if (hand.kind === "note" && !hand.text.trim() && !writtenNote(hand)) return say("type_note");
  if (hand.kind !== "note" && !hand.text.trim()) return say("type_reason");
  return "";
}

/** @param {Hand} hand @returns {Command} */
function commandOf(hand) {
  const text = hand.text.trim();
  const line = lineOf(hand)?.line_id ?? hand.line;
  switch (hand.kind) {
    case "discount": {
      const much = hand.percent ? { off_ppm: Math.round(Number(hand.digits) * PPM_OF_PERCENT) } : { off_minor: Number(hand.digits) };
      return { type: "give_discount", ...(hand.line ? { line_id: line } : {}), ...much, reason: text };
    }
    case "price":
      return { type: "override_price", line_id: line, price_minor: Number(hand.digits), reason: text };
    case "note":
      return { type: "set_note", ...(hand.line ? { line_id: line } : {}), text };
    case "drawer":
      return { type: "open_drawer", reason: text };
  }
}

/** What the primary key does, and what a second person approves. @param {Hand} hand */
export function handDoes(hand) {
  const currency = store.currency.value;
  switch (hand.kind) {
    case "discount":
      return say("discount_give", { off: off(hand.percent ? { off_ppm: Math.round(Number(hand.digits) * PPM_OF_PERCENT) } : { off_minor: Number(hand.digits) }, currency) });
    case "price":
      return say("price_set", { price: money(Number(hand.digits), currency) });
    case "note":
      return hand.text.trim() || !writtenNote(hand) ? say("note_keep") : say("note_remove");
    case "drawer":
      return say("drawer_open");
  }
}

/** What it is about. @param {Hand} hand */
export function handTitle(hand) {
  const name = unbroken(lineOf(hand)?.name ?? "");
  switch (hand.kind) {
    case "discount":
      return hand.line ? say("discount_on", { name }) : say("discount_sale");
    case "price":
      return say("price_of", { name });
    case "note":
      return hand.line ? say("note_on", { name }) : say("note_sale");
    case "drawer":
      return say("no_sale_title");
  }
}

/** Sends what is typed. The very same wish again has the same id: it is done once. */
export function sendHand() {
  const hand = store.hand.value;
  if (!hand || hand.sent) return;
  const lacks = missing(hand);
  if (lacks) return void tell(lacks);
  const command = commandOf(hand);
  const body = JSON.stringify(command);
  const id = hand.last?.body === body ? hand.last.id : newId();
  const until = hand.kind === "drawer" ? { until: Date.now() + DRAWER_AGE_MS_MAX } : {};
  const waits = store.boxLostSince.value !== null; // only a note may wait
  if (!send(command, lineOf(hand)?.name ?? "", { id, ...until })) return;
  store.hand.value = waits ? null : { ...hand, sent: id, last: { body, id } };
}

/** @param {Wish} one */
const ours = (one) => (store.hand.value?.sent === one.command.command_id ? store.hand.value : null);

/** @param {Wish} one */
export function handAnswered(one) {
  if (one.command.type === "open_drawer") tell(say("drawer_asked"), "");
  if (ours(one)) store.hand.value = null;
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function handRefused(refusal, one) {
  const hand = ours(one);
  if (!hand) return false;
  store.hand.value = { ...hand, sent: "" };
  if (refusal.code === "needs_approval" || refusal.code === "approval_over") {
    const { approval: _, ...command } = /** @type {import("./approving").Approval["command"]} */ (one.command);
    const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
    askApproval({ command, name: one.name, what: handDoes(hand), about: handTitle(hand), reason: hand.text.trim(), fault });
    return true;
  }
  if (refusal.code !== "command_id_reused") return false;
  // the box had done it when its answer was lost: only the approval of the repeat was another one
  store.hand.value = null;
  tell(say("done_already"));
  return true;
}

/** It was not answered while it was good. @param {Wish} one */
export function handLate(one) {
  const hand = ours(one);
  if (hand) store.hand.value = { ...hand, sent: "" };
  tell(say(one.command.type === "open_drawer" ? "drawer_late" : "hand_late"), "person");
}

/** Takes the command up again once a second person approved it. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApproved(command, name, until) {
  const hand = store.hand.value;
  const { command_id: id, ...wish } = command;
  const most = command.type === "open_drawer" ? Math.min(until, Date.now() + DRAWER_AGE_MS_MAX) : until;
  if (send(/** @type {Command} */ (wish), name, { id, until: most }) && hand?.last?.id === id) store.hand.value = { ...hand, sent: id };
}

/** @param {string} discount */
export function takeBack(discount) {
  send({ type: "remove_discount", discount_id: discount });
}
