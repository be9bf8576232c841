// What a cashier does: every key, tap and scan ends in one of these.
import { batch, effect, untracked } from "@preact/signals";
import { money } from "../kit/numbers.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { BY_HAND, GOES_BACK, SETTLES, wish } from "./command_queue.js";
import { tell } from "./happenings.js";
import { endEmpties, takeEmpty, takesEmpties } from "./empties.js";
import { askOpenPrice, chooseDepartment, sellOpen } from "./open_prices.js";
import { takeNumber } from "./tracking.js";
import { givenBack, takenAgain } from "./tender_words.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").Command} Command */
/** @typedef {import("./protocol").LineView} LineView */

const ABANDON_ASKED_MS = 5_000;
const QUANTITY_DIGITS_MAX = 7;
const AMOUNT_DIGITS_MAX = 9;
const TARE_DIGITS_MAX = 4;
const LABELS = new Set(["weight_code", "price_code"]);

/** @param {Command} command @param {string} [name] @param {{id?: string, until?: number}} [more] */
export function send(command, name, more) {
  const hindered = wish(command, name, more);
  if (hindered === "lost") {
    sound("refused");
    const parking = command.type === "park" || command.type === "resume";
    const again = command.type === "reprint_receipt" || command.type === "print_gift_receipt";
    const letter = command.type === "email_receipt";
    const age = command.type === "confirm_age" || command.type === "refuse_age";
    tell(age ? `${say("box_lost_title")} ${say("age_lost")}` : SETTLES.has(command.type) ? say("doubt_lost") : GOES_BACK.has(command.type) ? say("back_lost") : parking ? say("park_lost") : again ? `${say("box_lost_title")} ${say("again_lost")}` : letter ? `${say("box_lost_title")} ${say("email_lost")}` : BY_HAND.has(command.type) ? `${say("box_lost_title")} ${say("hand_lost")}` : say("pay_lost"), "person");
  } else if (hindered === "full") {
    sound("refused");
    tell(say("box_lost_full", { n: store.waiting.value.length }), "person");
  }
  return hindered === "";
}

/** Sells what a code names, as often as was typed before. @param {string} code @param {string} [name] */
export function sell(code, name = code) {
  if (takesEmpties()) return takeEmpty(code, name);
  const sent = send({ type: "add_item", code, quantity: store.nextQuantity.value }, name);
  if (sent) {
    batch(() => {
      store.nextQuantity.value = 1000;
      store.typed.value = "";
      store.pad.value = null;
    });
  }
  return sent;
}

/**
 * A quick key or a search result: weighed goods go on the scale, or ask for their weight where there is none that
 * answers; unless it was typed before.
 * @param {{code: string, name: string, unit: string, price_minor: number, open_price?: boolean}} article
 */
export function sellArticle(article) {
  if (takesEmpties()) {
    takeEmpty(article.code, article.name);
    return;
  }
  if (article.open_price) {
    askOpenPrice(article);
    return;
  }
  if (article.unit === "kg" && store.nextQuantity.value === 1000) {
    const { code, name, price_minor } = article;
    const scale = scaleOf(store.view.value);
    store.typed.value = "";
    openPad({ kind: scale && weighs(scale) ? "scale" : "weight", code, name, price_minor });
    if (scale && !weighs(scale)) tell(say("refusal_scale_not_ready"), "person");
    return;
  }
  sell(article.code, article.name);
}

// --- the scale -------------------------------------------------------------------------------------

/** @param {import("./protocol").TillView | null} view */
export const scaleOf = (view) => view?.devices.find((device) => device.role === "scale") ?? null;

/** @param {import("./protocol").DeviceView} scale */
const weighs = (scale) => scale.state === "ready" || scale.state === "attention";

const SCALE_WORDS = /** @type {const} */ ({
  unstable: "refusal_scale_unstable",
  overload: "refusal_scale_overloaded",
  below_zero: "refusal_scale_below_zero",
  not_kilograms: "refusal_scale_not_kilograms",
});

/** Why what lies on the scale cannot be taken, in words; empty when it can. */
export function weighHindered() {
  const scale = scaleOf(store.view.value);
  if (!scale || !weighs(scale)) return say("refusal_scale_not_ready");
  if (scale.weighs_at_price) return ""; // what lies there it says once, when it is asked
  if (scale.weight !== "stable") return say(SCALE_WORDS[/** @type {keyof typeof SCALE_WORDS} */ (scale.weight)] ?? "refusal_scale_silent");
  if (scale.weight_g <= 0) return say("refusal_scale_empty");
  const tare = Number(store.padDigits.value || 0);
  return tare >= scale.weight_g ? say("weigh_tare_large") : "";
}

/** Takes the weight that is on the screen: no other one is sold. A scale that weighs at a price shows it itself. */
export function takeWeight() {
  const use = store.pad.value;
  const scale = scaleOf(store.view.value);
  if (use?.kind !== "scale" || !scale || store.view.value?.weighing) return;
  const hindered = weighHindered();
  if (hindered) {
    sound("refused");
    tell(hindered);
    return;
  }
  store.message.value = null;
  send({ type: "weigh_item", code: use.code, tare_g: Number(store.padDigits.value || 0), shown_g: scale.weighs_at_price ? 0 : scale.weight_g }, use.name);
}

/** A scan from a keyboard-wedge scanner, wherever the focus was. @param {string} code */
export function scanned(code) {
  if (takeNumber(code)) return;
  sell(code);
}

/** Makes what was typed the quantity of the next article. Returns whether it was a number. @param {string} text */
export function multiply(text) {
  const number = Number(text.trim().replace(",", "."));
  if (text.trim() === "" || !Number.isFinite(number) || number <= 0 || text.trim().length > QUANTITY_DIGITS_MAX) return false;
  store.nextQuantity.value = Math.round(number * 1000);
  store.typed.value = "";
  return true;
}

/** @param {import("./store").PadUse} use */
export function openPad(use) {
  store.padDigits.value = "";
  store.hand.value = null;
  store.parking.value = null;
  store.returning.value = null;
  store.pad.value = use;
  store.pane.value = "keys";
}

export function closePad() {
  store.pad.value = null;
  store.padDigits.value = "";
}

/** What the pad stands at, in thousandths: grams for kilograms, whole pieces otherwise. @param {import("./store").PadUse} use */
export function padQuantity(use) {
  const digits = Number(store.padDigits.value || 0);
  const weighed = use.kind === "weight" || (use.kind === "quantity" && use.line.unit === "kg");
  return weighed ? digits : digits * 1000;
}

/** @param {string} digits */
export function padType(digits) {
  if (store.pad.value?.kind === "department") chooseDepartment(Number(digits));
  else if (store.pad.value?.kind === "price") typePrice(digits);
  else if (store.pad.value?.kind === "code") store.typed.value += digits;
  else if ((store.padDigits.value + digits).length <= (store.pad.value?.kind === "scale" ? TARE_DIGITS_MAX : QUANTITY_DIGITS_MAX)) store.padDigits.value += digits;
}

/** @param {string} digits */
function typePrice(digits) {
  const next = `${store.padDigits.value}${digits}`.replace(/^0+/, "");
  if (next.length <= AMOUNT_DIGITS_MAX) store.padDigits.value = next;
}

export function padErase() {
  if (store.pad.value?.kind === "code") store.typed.value = store.typed.value.slice(0, -1);
  else store.padDigits.value = store.padDigits.value.slice(0, -1);
}

export function padEnter() {
  const use = store.pad.value;
  if (!use) return;
  if (use.kind === "scale") {
    takeWeight();
    return;
  }
  if (use.kind === "department" || use.kind === "track") return;
  if (use.kind === "price") {
    sellOpen(use);
    return;
  }
  if (use.kind === "code") {
    const code = store.typed.value.trim();
    if (code) sell(code);
    return;
  }
  const quantity = padQuantity(use);
  if (quantity <= 0) return;
  if (use.kind === "weight") {
    store.nextQuantity.value = quantity;
    sell(use.code, use.name);
  } else if (send({ type: "set_quantity", line_id: use.line.line_id, quantity }, use.line.name)) closePad();
}

// --- lines -----------------------------------------------------------------------------------------

/** Why a line stays as it is; empty when it may change. @param {LineView | null} line */
export function lineHindered(line) {
  if (!line) return say("no_line");
  if (line.deposit_of) return say("refusal_deposit_follows", { name: line.name });
  return store.view.value?.tenders.some((tender) => ["taken", "approved", "returned"].includes(tender.state)) ? say("line_paid_no") : "";
}

/** Whether a line's quantity is the cashier's to change. @param {LineView} line */
export const countable = (line) => !line.serial && !LABELS.has(line.entry) && line.entry !== "scale" && !comesBack(line);

/** Whether its goods come back: what they give back is the box's to count. @param {LineView} line */
export const comesBack = (line) => line.entry === "returned";

/** Why it is not. @param {LineView} line */
const uncountable = (line) => (line.serial ? say("refusal_serial_one_piece", { name: line.name }) : comesBack(line) ? say("refusal_line_is_a_return", { name: line.name }) : line.entry === "scale" ? say("refusal_weighed_on_scale", { name: line.name }) : say("line_label_no"));

/** @param {LineView | null} line @param {1 | -1} step */
export function stepQuantity(line, step) {
  const hindered = lineHindered(line);
  if (hindered || !line) return tell(hindered);
  if (!countable(line)) return tell(uncountable(line));
  if (line.unit === "kg") return openPad({ kind: "quantity", line });
  const row = store.rows.value.find((each) => each.line === line)?.key ?? line.line_id;
  const before = recount?.row === row ? recount.quantity : line.quantity;
  const quantity = before + step * 1000;
  if (quantity <= 0) return tell(say("line_less_no"));
  recount = { row, quantity, sent: recount?.row === row ? recount.sent : 0 };
  carryOutRecount();
}

/**
 * What plus and minus stand at while the box counts: pressed five times fast, it is five more, and the line
 * that the box has made new meanwhile is the one that is changed.
 * @type {{row: string, quantity: number, sent: number} | null}
 */
let recount = null;

function carryOutRecount() {
  if (!recount || store.waiting.value.some((each) => each.command.type === "set_quantity")) return;
  const line = store.rows.value.find((row) => row.key === recount?.row)?.line;
  const hopeless = !line || line.voided || line.quantity === recount.quantity || recount.sent === recount.quantity;
  if (hopeless) {
    recount = null;
    return;
  }
  recount.sent = recount.quantity;
  if (!send({ type: "set_quantity", line_id: line.line_id, quantity: recount.quantity }, line.name)) recount = null;
}

effect(() => {
  if (store.view.value && store.waiting.value.length === 0) untracked(carryOutRecount);
});

/** @param {LineView | null} line */
export function askQuantity(line) {
  const hindered = lineHindered(line);
  if (hindered || !line) return tell(hindered);
  if (!countable(line)) return tell(uncountable(line));
  openPad({ kind: "quantity", line });
}

/** @param {LineView | null} line */
export function voidLine(line) {
  const hindered = lineHindered(line);
  if (hindered || !line) return tell(hindered);
  send({ type: "void_line", line_id: line.line_id }, line.name);
}

/** @param {1 | -1} step */
export function chooseLine(step) {
  const lines = store.liveLines.value;
  if (!lines.length) return;
  const at = lines.findIndex((line) => line.line_id === store.chosen.value?.line_id);
  const next = lines[Math.max(0, Math.min(lines.length - 1, at + step))];
  if (next) store.chosenLine.value = next.line_id;
}

// --- paying ----------------------------------------------------------------------------------------

export function pay() {
  if (store.boxLostSince.value !== null) return tell(say("pay_lost"), "person");
  if (store.waiting.value.length) {
    store.payAsked.value = true; // what is on its way belongs to this sale: its total is not known yet
    return undefined;
  }
  if (!store.hasContent.value) return tell(say("pay_nothing"));
  return batch(() => {
    store.payingDesk.value = true;
    store.amountDigits.value = "";
    store.pad.value = null;
    store.hand.value = null;
    store.parking.value = null;
    store.returning.value = null;
    store.message.value = null;
  });
}

effect(() => {
  if (!store.payAsked.value || store.waiting.value.length) return;
  store.payAsked.value = false;
  untracked(pay);
});

export function backToSale() {
  if (store.view.value?.state !== "open") return;
  store.payingDesk.value = false;
  store.amountDigits.value = "";
}

/** @param {import("./store").Way} chosen */
export function chooseWay(chosen) {
  if (store.view.value?.state !== "open" || store.way.value === chosen) return;
  store.way.value = chosen;
  store.amountDigits.value = "";
}

/** @param {string} digits */
export function typeAmount(digits) {
  const next = `${store.amountDigits.value}${digits}`.replace(/^0+(?=\d)/, "");
  if (next.length <= AMOUNT_DIGITS_MAX && next !== "00") store.amountDigits.value = next === "0" ? "" : next;
}

export function eraseAmount() {
  store.amountDigits.value = store.amountDigits.value.slice(0, -1);
}

/** Takes the amount that the desk shows, the way that is chosen. */
export function takeAmount() {
  const view = store.view.value;
  if (view?.state !== "open") return;
  const amount_minor = store.amount.value;
  let sent = false;
  if (store.way.value === "cash") sent = send({ type: "take_cash", amount_minor });
  else if (amount_minor > view.due_minor) {
    sound("refused");
    tell(say("card_over", { due: money(view.due_minor, view.currency) }));
    return;
  } else sent = send({ type: "pay_by_card", amount_minor });
  if (sent) store.amountDigits.value = ""; // what was typed stays until it is on its way
}

export function cancelCard() {
  if (send({ type: "cancel_card" })) store.cancelAsked.value = true;
}

export function nextSale() {
  if (store.view.value?.state === "done") send({ type: "next_sale" });
}

/** Gives the sale up after a second press: it cannot be undone. */
export function abandon() {
  const view = store.view.value;
  if (view?.state !== "open") return void tell(say("refusal_no_sale_open"));
  const amount = givenBack(view);
  if (Date.now() - store.abandonAskedAt.value > ABANDON_ASKED_MS) {
    const asked = Date.now();
    store.abandonAskedAt.value = asked;
    const again = takenAgain(view);
    tell(again ? say("abandon_ask_again", { amount: again }) : amount ? say("abandon_ask_cash", { amount }) : say("abandon_ask"), "person");
    setTimeout(() => {
      if (store.abandonAskedAt.value === asked) store.abandonAskedAt.value = 0;
    }, ABANDON_ASKED_MS);
    return;
  }
  store.abandonAskedAt.value = 0;
  send({ type: "abandon" });
}

/** From what was found to the search, from there out of it; what is on its way is waited for. @param {import("./store").Returning} now */
function backFromReturn(now) {
  if (!now.sent) store.returning.value = now.step === "find" ? null : store.newReturning(now.touched);
}

/** One step back, from wherever the cashier is. */
export function back() {
  if (store.sheet.value) store.sheet.value = null;
  else if (store.pad.value) closePad();
  else if (store.hand.value) store.hand.value = null;
  else if (store.parking.value) store.parking.value = null;
  else if (store.settling.value) store.settling.value = null;
  else if (store.returning.value) backFromReturn(store.returning.value);
  else if (store.typed.value) store.typed.value = "";
  else if (takesEmpties()) endEmpties();
  else if (store.nextQuantity.value !== 1000) store.nextQuantity.value = 1000;
  else if (store.amountDigits.value) store.amountDigits.value = "";
  else if (store.screen.value === "paying" && store.view.value?.state === "open") backToSale();
  else if (store.screen.value === "sell") abandon();
}
