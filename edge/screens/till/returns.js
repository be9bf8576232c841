// Goods that come back: the receipt is found, lines and quantities are chosen, and go into the sale one by one. The box counts.
import { newId } from "../kit/ids.js";
import { extended, money, unbroken } from "../kit/numbers.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { ask, Silence } from "./box_api.js";
import { backToSale, send } from "./doings.js";
import { tell, why } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./store").Returning} Returning */
/** @typedef {import("./protocol").SoldSaleView} SoldSaleView */
/** @typedef {import("./protocol").SoldLineView} SoldLineView */
/** @typedef {import("./protocol").ArticleView} ArticleView */
/** @typedef {import("./command_queue").Wish} Wish */
/** @typedef {Extract<import("./protocol").Command, {type: "return_line" | "return_item"}>} ReturnCommand */

export const RECEIPT_CHARS_MAX = 64;
/** How a receipt's QR code begins, as edge/engine/receipt_layout.py has it. */
const SIGNED_CODE = "TILLBOX2:";
const RECEIPT_CODES = ["TILLBOX1|", SIGNED_CODE];
const NUMBER_DIGITS = 6;
/** The reasons that a shop has every day, as words of the catalogue; their places are the numbers that choose them with Alt. */
export const RETURN_REASONS = Object.freeze(/** @type {const} */ (["why_faulty", "why_damaged", "why_unwanted", "why_wrong", "why_expired", "why_charged"]));

/** Changes what is chosen; what is on its way stays as it was sent. @param {Partial<Returning>} next */
export function changeReturn(next) {
  const now = store.returning.value;
  if (now && !now.sent) store.returning.value = { ...now, ...next };
}

/** Why nothing can come back in this sale now, in words; empty when it can. */
export function returnHindered() {
  const view = store.view.value;
  if (!view) return say("refusal_no_sale_open");
  if (view.state === "paying") return say("refusal_card_payment_running");
  if (view.state === "in_doubt") return say("refusal_payment_in_doubt");
  if (view.weighing) return say("refusal_weighing_running", { name: unbroken(view.weighing.name) });
  if (view.state !== "open") return "";
  const moved = view.tenders.filter((each) => ["taken", "approved", "returned"].includes(each.state)).reduce((sum, each) => sum + each.amount_minor, 0);
  if (moved > 0) return say("refusal_tendered_already", { tendered: money(moved, view.currency) });
  return moved < 0 ? say("refusal_refunded_already", { refunded: money(-moved, view.currency) }) : "";
}

/** Opens the desk; returns whether it is open. @param {{pointerType?: string}} [event] */
export function askReturn(event) {
  if (store.returning.value) return true;
  const hindered = returnHindered();
  if (hindered) {
    tell(hindered);
    return false;
  }
  if (store.screen.value === "paying") backToSale();
  store.pad.value = null;
  store.hand.value = null;
  store.parking.value = null;
  store.message.value = null;
  store.pane.value = "keys";
  store.returning.value = store.newReturning(event?.pointerType === "touch");
  return true;
}

export function closeReturn() {
  if (!store.returning.value?.sent) store.returning.value = null;
}

// --- the receipt -----------------------------------------------------------------------------------

/** A number as people say it: its digits alone are of this till, `1-57` is of till 1. @param {string} text */
export function receiptNumber(text) {
  const typed = text.trim();
  const own = store.session.value?.till ?? "";
  const short = /^(?:(\w+)-)?(\d{1,6})$/.exec(typed);
  if (!short) return typed;
  const [, till, digits = ""] = short;
  const named = till === undefined ? own : ((store.session.value?.tills ?? []).find((each) => each === till || each === `till-${till}`) ?? till);
  return `${named}-${digits.padStart(NUMBER_DIGITS, "0")}`;
}

/** Looks for a receipt by what was typed. */
export function findTyped() {
  const text = store.returning.value?.text.trim();
  if (!text) return void changeReturn({ fault: say("return_type_number") });
  return void find(receiptNumber(text));
}

/** @param {string} code */
export const isReceiptCode = (code) => RECEIPT_CODES.some((form) => code.trim().startsWith(form));

/** What a receipt's code shows of itself: its number, or that it is a QR code. @param {string} text */
export const receiptInWords = (text) => (text.trim().startsWith(SIGNED_CODE) ? "QR" : (text.split("|")[1] ?? text));

/** A receipt was scanned, wherever the hand was. @param {string} code @param {string} [receipt] its number, where the box said it */
export function showReceipt(code, receipt = code.split("|")[1] ?? "") {
  const now = store.returning.value;
  if (now && (now.sent || pickedLines(now).length)) return tell(say("return_first"));
  if (!askReturn()) return undefined;
  changeReturn({ step: "find", text: receipt, sold: null });
  return void find(code.trim());
}

/** @param {string} code */
async function find(code) {
  changeReturn({ asking: code, fault: "" });
  const waits = () => store.returning.value?.asking === code;
  try {
    const sold = /** @type {SoldSaleView} */ (await ask("GET", `/api/v1/receipts/${encodeURIComponent(code)}`));
    if (!waits()) return;
    const first = sold.lines.find((line) => line.returnable > 0);
    changeReturn({ asking: "", step: "sold", sold, code, picked: {}, at: (first ?? sold.lines[0])?.line_id ?? "" });
    store.message.value = null;
    sound("question");
  } catch (error) {
    if (!waits()) return;
    sound("refused");
    changeReturn({ asking: "", step: "find", fault: error instanceof Silence ? say("back_lost") : why(error) });
  }
}

/** Reads the sale anew after the box refused a line: another till may have been quicker. */
async function readAnew() {
  const number = store.returning.value?.sold?.receipt_number;
  if (!number) return;
  const asked = isRestored(store.returning.value) ? (store.returning.value?.code ?? "") : number; // another store has the same numbers
  try {
    const sold = /** @type {SoldSaleView} */ (await ask("GET", `/api/v1/receipts/${encodeURIComponent(asked)}`));
    const now = store.returning.value;
    if (now?.sold?.receipt_number !== number) return;
    const left = sold.lines.map((line) => [line.line_id, Math.min(now.picked[line.line_id] ?? 0, line.returnable)]).filter(([, n]) => n);
    changeReturn({ sold, picked: Object.fromEntries(left) });
  } catch {
    // what is shown stays; the box refuses what is not so any more
  }
}

/** Whether the signature of its receipt is all that this box knows of the sale. @param {Returning | null} now */
export const isRestored = (now) => (now?.sold?.proved_by ?? "") !== "";

// --- what of it comes back -------------------------------------------------------------------------

/** @param {Returning} now */
export const pickedLines = (now) => (now.sold?.lines ?? []).filter((line) => (now.picked[line.line_id] ?? 0) > 0);

/** @param {SoldLineView} line @param {number} quantity in thousandths */
export function pick(line, quantity) {
  const now = store.returning.value;
  if (!now) return;
  changeReturn({ at: line.line_id, picked: { ...now.picked, [line.line_id]: Math.max(0, Math.min(line.returnable, quantity)) } });
}

/** All of a line that may come back, or none. @param {SoldLineView} line */
export const pickWhole = (line) => pick(line, store.returning.value?.picked[line.line_id] ? 0 : line.returnable);

/** @param {SoldLineView | undefined} line @param {1 | -1} step */
export function stepPick(line, step) {
  if (!line) return;
  const now = store.returning.value?.picked[line.line_id] ?? 0;
  if (line.unit === "kg") pick(line, step > 0 ? line.returnable : 0);
  else pick(line, now + step * 1000);
}

export function pickAll() {
  const all = store.returning.value?.sold?.lines ?? [];
  const whole = isEverything() ? [] : all.filter((line) => line.returnable > 0).map((line) => [line.line_id, line.returnable]);
  changeReturn({ picked: Object.fromEntries(whole) });
}

export function isEverything() {
  const now = store.returning.value;
  const may = (now?.sold?.lines ?? []).filter((line) => line.returnable > 0);
  return may.length > 0 && may.every((line) => now?.picked[line.line_id] === line.returnable);
}

/** The line that keys are for. */
export const lineAt = () => store.returning.value?.sold?.lines.find((line) => line.line_id === store.returning.value?.at);

/** What a part of a line gives back, about: the box counts it to the last unit. @param {SoldLineView} line @param {number} quantity */
export const partBack = (line, quantity) => (line.returnable > 0 ? Math.round((line.back_minor * quantity) / line.returnable) : 0);

/**
 * Whether that is known to the last unit: all of it, or pieces that cost whole units each with their tax inside.
 * @param {SoldLineView} line @param {number} quantity
 */
export function isExact(line, quantity) {
  const whole = line.back_minor * line.quantity === line.paid_minor * line.returnable && (line.paid_minor * 1000) % line.quantity === 0;
  return quantity === line.returnable || (whole && quantity % 1000 === 0);
}

/** What all that is chosen gives back, and whether that is known to the last unit. @param {Returning} now */
export function worth(now) {
  if (now.step === "item") return { minor: now.article ? extended(now.article.price_minor, now.quantity) : 0, exact: true };
  const lines = pickedLines(now);
  if (now.sold && isEverything()) return { minor: now.sold.back_minor, exact: true };
  const minor = lines.reduce((sum, line) => sum + partBack(line, now.picked[line.line_id] ?? 0), 0);
  const apart = (now.sold?.lines ?? []).reduce((sum, line) => sum + line.back_minor, 0) === now.sold?.back_minor; // lines share no rounded tax
  return { minor, exact: lines.every((line) => isExact(line, now.picked[line.line_id] ?? 0)) && (apart || lines.length === 1) };
}

// --- without a receipt -----------------------------------------------------------------------------

export function withoutReceipt() {
  changeReturn({ step: "item", text: "", fault: "", asking: "", article: null, quantity: 1000 });
  focusSoon("return-text");
}

/** The field comes with the next picture. @param {string} id */
export function focusSoon(id) {
  if (!store.returning.value?.touched) requestAnimationFrame(() => document.getElementById(id)?.focus({ preventScroll: true }));
}

/** @param {ArticleView} article @param {string} [line] of the sale, where a scan had put it */
export function chooseArticle(article, line = "") {
  const { code, name, unit, price_minor } = article;
  changeReturn({ article: { code, name, unit, price_minor, line }, quantity: 1000, text: "", fault: "", found: null, foundAt: 0 });
  focusSoon("return");
}

/** Looks for an article by its code; what no article is found for goes to the box as it is. @param {string} code */
export async function takeCode(code) {
  changeReturn({ text: code, asking: code });
  let articles = /** @type {ArticleView[]} */ ([]);
  try {
    ({ articles } = await ask("GET", `/api/v1/articles?q=${encodeURIComponent(code)}`));
  } catch {
    // the box says in the answer to the return what it thinks of the code
  }
  if (store.returning.value?.asking !== code) return;
  changeReturn({ asking: "" });
  const only = articles.length === 1 ? articles[0] : undefined;
  if (only) chooseArticle(only);
  else if (articles.length) changeReturn({ found: articles, foundAt: 0 });
  else chooseArticle({ code, sku: "", name: code, unit: "piece", price_minor: 0, open_price: false });
}

/** An article that the box put into the sale while it was to come back: it is taken back instead. @param {import("./protocol").LineView} line */
export function scannedIn(line) {
  const now = store.returning.value;
  if (now?.step !== "item" || now.sent || line.entry !== "scanned") return;
  chooseArticle({ code: line.sku, sku: line.sku, name: line.name, unit: line.unit, price_minor: line.price_minor, open_price: false }, line.line_id);
  changeReturn({ quantity: line.quantity });
}

/** A scan of a scanner that types. Returns whether it was for here. @param {string} code */
export function takeScan(code) {
  if (isReceiptCode(code)) {
    showReceipt(code);
    return true;
  }
  const now = store.returning.value;
  if (!now) return false;
  if (now.step === "item") void takeCode(code);
  else if (now.step === "find" && document.activeElement?.id === "return-text") {
    changeReturn({ text: code.slice(0, RECEIPT_CHARS_MAX) });
    findTyped();
  } else return false;
  return true;
}

// --- sending ---------------------------------------------------------------------------------------

/** What is still to be chosen, in words; empty when it can go. @param {Returning} now */
export function missing(now) {
  if (now.step === "find") return now.text.trim() ? "" : say("return_type_number");
  if (now.step === "item" && !now.article) return say("return_type_article");
  if (now.step === "item" ? now.quantity <= 0 : !pickedLines(now).length) return say("return_choose");
  return now.reason.trim() ? "" : say("type_reason");
}

/** @param {Returning} now @returns {{command: ReturnCommand, name: string} | null} */
function nextCommand(now) {
  const reason = now.reason.trim();
  if (now.step === "item") return now.article && { command: { type: "return_item", code: now.article.code, quantity: now.quantity, reason }, name: now.article.name };
  const line = pickedLines(now)[0];
  if (!line || !now.sold) return null;
  const proved = isRestored(now) ? { original_sale: now.sold.sale_id } : {};
  return { command: { type: "return_line", receipt: now.sold.receipt_number, line_id: line.line_id, quantity: now.picked[line.line_id] ?? 0, reason, ...proved }, name: line.name };
}

/** Takes back what is chosen: one line after the other. The very same wish again has the same id: it is done once. */
export function sendReturn() {
  const now = store.returning.value;
  if (!now || now.sent) return undefined;
  if (now.step === "find") return findTyped();
  const lacks = missing(now);
  if (lacks) {
    sound("refused");
    if (!now.reason.trim() && lacks === say("type_reason")) focusSoon("return-reason");
    return tell(lacks);
  }
  return sendNext(now);
}

/** @param {Returning} now */
function sendNext(now) {
  const next = nextCommand(now);
  if (!next) return;
  const body = JSON.stringify(next.command);
  const id = now.last?.body === body ? now.last.id : newId();
  if (send(next.command, next.name, { id })) store.returning.value = { ...now, sent: id, last: { body, id } };
}

/** @param {Wish} one @returns {Returning | null} */
const ours = (one) => (store.returning.value?.sent && store.returning.value.sent === one.command.command_id ? store.returning.value : null);

/** It is in the sale: the next line goes, or the desk has done its part. @param {Wish} one */
export function returnAnswered(one) {
  const now = ours(one);
  if (!now) return;
  const { [one.command.type === "return_line" ? one.command.line_id : ""]: _, ...picked } = now.picked;
  const rest = { ...now, picked, sent: "", last: null, done: now.done + 1 };
  store.returning.value = rest;
  if (now.step === "sold" && pickedLines(rest).length) return sendNext(rest);
  store.returning.value = null;
  store.pane.value = "basket";
  if (now.article?.line) send({ type: "void_line", line_id: now.article.line }, now.article.name);
  tell(say("return_added", { n: rest.done }), "");
}

/** @param {Returning} now @param {Wish} one */
const lineSent = (now, { command }) => (command.type === "return_line" ? now.sold?.lines.find((each) => each.line_id === command.line_id) : undefined);

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function returnRefused(refusal, one) {
  const now = ours(one);
  if (!now) return false;
  store.returning.value = { ...now, sent: "" };
  if (refusal.code === "needs_approval" || refusal.code === "approval_over") {
    const { approval: _, ...command } = /** @type {import("./approving").Approval["command"] & {approval?: string}} */ (one.command);
    const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
    const line = isRestored(now) ? lineSent(now, one) : undefined; // one approval is for one line
    const { minor } = line ? { minor: partBack(line, now.picked[line.line_id] ?? 0) } : worth(now);
    askApproval({ command: /** @type {import("./approving").Approval["command"]} */ (command), name: one.name, what: say("return_do", { amount: money(minor, store.currency.value) }), about: `${one.name} · ${isRestored(now) ? say("return_approve_proved", { store: now.sold?.store_number ?? 0 }) : say("return_without")}`, reason: now.reason.trim(), fault });
    return true;
  }
  if (refusal.code === "command_id_reused") {
    // the box had done it when its answer was lost: only the approval of the repeat was another one
    store.returning.value = null;
    tell(say("done_already"));
    return true;
  }
  void readAnew();
  return false;
}

/** It was not answered while its approval was good. @param {Wish} one */
export function returnLate(one) {
  const now = ours(one);
  if (now) store.returning.value = { ...now, sent: "" };
}

/** Takes it up again once a second person approved. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedReturn(command, name, until) {
  const now = store.returning.value;
  const { command_id: id, ...wish } = command;
  if (send(/** @type {ReturnCommand} */ (wish), name, { id, until }) && now?.last?.id === id) store.returning.value = { ...now, sent: id };
}
