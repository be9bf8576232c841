// A new view arrived: what changed, what is said about it, what is heard.
import { batch } from "@preact/signals";
import { isWord, say } from "../kit/words.js";
import { money, quantity, unbroken } from "../kit/numbers.js";
import { sound } from "../kit/sounds.js";
import { Refusal } from "./box_api.js";
import { off } from "./by_hand_words.js";
import { openAsked } from "./open_prices.js";
import { asideWords, parkedName, parkedNews, setAside, takenUp } from "./parked_news.js";
import { scannedIn, showReceipt } from "./returns.js";
import { numberAsked, takeNumber } from "./tracking.js";
import { givenBack, takenAgain } from "./tender_words.js";
import { deviceKey, deviceName } from "./trouble_words.js";
import { couponNews } from "./coupons.js";
import { tipNews } from "./tips.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").TillView} TillView */
/** @typedef {{code: string, message: string, advice: string, params: Record<string, string>}} Said */

/** A refusal comes as an answer and in the next view: it is heard once. */
const SAME_REFUSAL_MS = 2_000;
/** A scan that is no article: while a number is asked, it is that number. */
const UNREAD = new Set(["unknown_code", "check_digit"]);
/** What a terminal said no to. */
const DECLINED = new Set(["card_declined", "card_refund_declined"]);
let refusedCode = "";
let refusedAt = 0;

/** Takes a view of the box; an older one than ours is dropped. @param {TillView} next */
export function takeView(next) {
  const before = store.view.value;
  if (before && before.till === next.till && next.version <= before.version) return;
  batch(() => {
    store.view.value = next;
    if (before) compare(before, next);
    else first(next);
  });
}

/** @param {TillView} next */
function first(next) {
  if (next.state === "paying") store.payingDesk.value = true;
  if (next.notice && next.notice.code !== "receipt_scanned") speakOf(next.notice.code, next.notice.tone, next.notice.words, next.notice.params);
}

/** @param {TillView} before @param {TillView} next */
function compare(before, next) {
  const fresh = next.sale_id !== before.sale_id;
  if (fresh && next.state !== "done") store.beginAnew();
  const again = takenUp(before, next);
  if (again) resumed(again);
  else lines(fresh ? [] : before.lines, next);
  if (!fresh && next.state === "open") byHand(before, next);
  if (!again && next.state === "open") coupons(fresh ? [] : before.coupons, next);
  if (!fresh && next.state === "open") tipNews(before, next);
  if (next.state !== before.state) changedState(before, next);
  if (next.doubt?.payment !== store.settling.value?.payment) store.settling.value = null; // its terminal answered, or it is parked
  const news = parkedNews(before, next);
  if (news) tell(news, "");
  const notice = next.notice;
  if (notice && notice.serial !== before.notice?.serial) {
    const isNumber = UNREAD.has(notice.code) && takeNumber(notice.params["code"] ?? "");
    if (isNumber || numberAsked(notice.code, notice.params)) store.message.value = null;
    else if (notice.code === "price_asked") openAsked(notice.params);
    else if (notice.code === "receipt_scanned") showReceipt(notice.params["code"] ?? "", notice.params["receipt"]);
    else {
      speakOf(notice.code, notice.tone, notice.words, notice.params);
      heard(notice.tone, notice.code);
    }
  }
  devices(before, next);
}

/** A coupon came or went. @param {TillView["coupons"]} had @param {TillView} next */
function coupons(had, next) {
  const news = couponNews(had, next.coupons);
  if (!news) return;
  sound("added");
  tell(news, "");
}

/** A parked sale is on this till again. @param {import("./protocol").ParkedView} parked */
function resumed(parked) {
  sound("added");
  store.parking.value = null;
  tell(say("resumed", { name: parkedName(parked) }), "");
}

/** @param {readonly import("./protocol").LineView[]} had @param {TillView} next */
function lines(had, next) {
  const known = new Set(had.map((line) => line.line_id));
  const added = next.lines.filter((line) => !known.has(line.line_id) && !line.voided && !line.deposit_of).at(-1); // a deposit is not what was scanned
  if (added) {
    sound("added");
    store.chosenLine.value = added.line_id;
    scannedIn(added);
    if (added.entry === "scale" && store.pad.value?.kind === "scale") {
      store.pad.value = null;
      store.padDigits.value = "";
    }
    const recounted = added.replaces && had.some((old) => old.line_id === added.replaces && old.sku === added.sku);
    if (recounted) {
      store.message.value = { tone: "", icon: "check", words: say("quantity_now", { name: unbroken(added.name), quantity: quantity(added.quantity, added.unit) }) };
      return;
    }
    if (added.entry === "returned") {
      store.message.value = { tone: "", icon: "back", words: say("returned_line", { name: unbroken(added.name), quantity: quantity(added.quantity, added.unit) }), undo: added.line_id };
      return;
    }
    const words =
      added.quantity === 1000
        ? say("added", { name: unbroken(added.name) })
        : say("added_quantity", { name: unbroken(added.name), quantity: quantity(added.quantity, added.unit) });
    store.message.value = { tone: "", icon: "check", words, undo: added.line_id };
    return;
  }
  const voided = next.lines.find((line) => line.voided && !line.deposit_of && had.some((old) => old.line_id === line.line_id && !old.voided));
  if (voided) store.message.value = { tone: "", icon: "times", words: `${say("voided")}: ${unbroken(voided.name)}` };
}

/** What a person set by hand is said once it is counted. @param {TillView} before @param {TillView} next */
function byHand(before, next) {
  const given = next.discounts.find((each) => before.discounts.every((old) => old.discount_id !== each.discount_id));
  const gone = before.discounts.find((each) => next.discounts.every((now) => now.discount_id !== each.discount_id));
  if (given) return tell(say("discount_given", { off: off(given, next.currency) }), "");
  const voided = gone && next.lines.some((line) => line.voided && line.line_id === gone.line_id); // it went with its line
  if (gone && !voided) return tell(say("discount_back", { off: off(gone, next.currency) }), "");
  for (const line of next.lines) {
    const old = before.lines.find((each) => each.line_id === line.line_id);
    if (!old || line.voided) continue;
    if (line.overridden && (!old.overridden || old.price_minor !== line.price_minor)) {
      return tell(say("price_changed", { name: unbroken(line.name), price: money(line.price_minor, next.currency) }), "");
    }
    if (line.note !== old.note) return tell(line.note ? say("note_kept", { text: line.note }) : say("note_gone"), "");
  }
  if (next.age_checked > before.age_checked) return tell(say("age_confirmed", { age: next.age_checked }), "");
  if (next.note !== before.note) tell(next.note ? say("note_kept", { text: next.note }) : say("note_gone"), "");
}

/** @param {TillView} before @param {TillView} next */
function changedState(before, next) {
  store.cancelAsked.value = false;
  store.abandonAskedAt.value = 0;
  switch (next.state) {
    case "paying":
      store.payingDesk.value = true;
      store.way.value = "card";
      store.message.value = null;
      break;
    case "in_doubt":
      sound("declined");
      break;
    case "done":
      store.message.value = null;
      store.lastSale.value = { receipt: next.receipt_number ?? "", total: next.total_minor };
      store.returning.value = null;
      if (next.tenders.some((tender) => tender.state === "approved")) sound("approved");
      break;
    case "open":
      // a card that was not charged, or only a part: the desk of payment is where it goes on
      if (before.state === "paying" || before.state === "in_doubt") {
        store.payingDesk.value = true;
        store.amountDigits.value = "";
        const last = next.tenders.at(-1);
        if (last?.state === "approved") sound("approved");
      }
      break;
    case "idle": {
      const aside = setAside(before, next);
      if (aside) tell(asideWords(aside), "");
      else if (before.state === "open") givenUp(before);
      break;
    }
  }
}

/** @param {TillView} before */
function givenUp(before) {
  const amount = givenBack(before);
  const again = takenAgain(before);
  if (again) tell(say("abandoned_again", { amount: again }), "person");
  else if (amount) tell(say("abandoned_cash", { amount }), "wait");
  else tell(say("abandoned"), "");
}

/** @param {TillView} before @param {TillView} next */
function devices(before, next) {
  for (const device of next.devices) {
    const old = before.devices.find((each) => deviceKey(each) === deviceKey(device));
    if (!device.well && old?.well) {
      sound("lost");
      store.message.value = { tone: "person", icon: "person", words: "", device: deviceKey(device) };
      return;
    }
  }
  const named = next.devices.find((device) => deviceKey(device) === store.message.value?.device);
  if (!store.message.value?.device || (named && !named.well)) return;
  // what was said about it is over; another one in trouble has the line now
  const quiet = named && next.devices.every((device) => device.well);
  const shut = named && before.devices.find((each) => deviceKey(each) === deviceKey(named))?.code === "drawer_left_open";
  const words = shut ? say("device_drawer_shut") : named ? say("device_back", { device: deviceName(named) }) : "";
  store.message.value = quiet ? { tone: "well", icon: "well", words } : null;
}

/** The box refused a wish. @param {Said} refusal */
export function takeRefusal(refusal) {
  store.payAsked.value = false;
  speakOf(refusal.code, "refused", `${refusal.message} ${refusal.advice}`.trim(), refusal.params);
  heard("refused", refusal.code);
}

/** What hindered a call of the box, in words. @param {unknown} error */
export function why(error) {
  if (error instanceof Refusal) return refusalWords(error.code, `${error.message} ${error.advice}`.trim(), error.params);
  return `${say("box_lost_title")} ${say("box_lost_words")}`;
}

/** @param {string} tone @param {string} code */
function heard(tone, code) {
  if (code === "needs_approval") tone = "question";
  if (tone === "question") sound("question");
  if (tone === "trouble") sound("lost");
  if (tone !== "refused") return;
  const now = Date.now();
  if (code === refusedCode && now - refusedAt < SAME_REFUSAL_MS) {
    refusedCode = "";
    return;
  }
  [refusedCode, refusedAt] = [code, now];
  sound(DECLINED.has(code) ? "declined" : "refused");
}

/** @param {string} code @param {string} tone @param {string} english @param {Record<string, string>} params */
function speakOf(code, tone, english, params) {
  const person = tone === "trouble" || code.endsWith("_in_doubt") || DECLINED.has(code);
  const kind = person ? "person" : tone === "ok" ? "" : "wait";
  const unknown = code === "unknown_code" && params["code"] ? { unknown: params["code"] } : {};
  store.message.value = { tone: kind, icon: kind === "" ? "check" : kind, words: refusalWords(code, english, params), ...unknown };
}

/**
 * A refusal in the cashier's language; the box's English where the catalogue does not know it.
 * @param {string} code @param {string} english @param {Record<string, string>} params
 */
export function refusalWords(code, english, params) {
  const word = `refusal_${code}`;
  if (isWord(word)) {
    // a reason of the terminal or the bank comes as a sentence: ours ends it
    const reason = params["reason"]?.replace(/[\s.\u3002]+$/u, "");
    const words = say(word, reason === undefined ? params : { ...params, reason });
    if (!/\{\w+\}/.test(words)) return words; // a parameter that this box does not send
  }
  return english || say("refusal_other", { code });
}

/** Says something of our own in the message line. @param {string} words @param {"" | "wait" | "person" | "well"} [tone] */
export function tell(words, tone = "wait") {
  store.message.value = { tone, icon: tone === "" ? "check" : tone, words };
}
