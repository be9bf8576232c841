// Wishes go to the box one after the other, each with an id of its own, and again with the same id until
// they are answered: said twice, done once.
import { signal } from "@preact/signals";
import { newId } from "../kit/ids.js";
import { ANSWER_MS_MAX, ask, Refusal, Silence } from "./box_api.js";
import { boxLostSince, session, waiting } from "./store.js";

/** @typedef {import("./protocol").Command} Command */
/** @typedef {import("./protocol").TillView} TillView */
/** @typedef {{till: string, cashier: string, name: string, tried: boolean, until?: number, command: Command & {command_id: string}}} Wish `until`: ms since 1970 after which it is not sent any more */
/** @typedef {{answered: (view: TillView, wish: Wish) => void, refused: (refusal: Refusal, wish: Wish) => void, silent: () => void, late: (wish: Wish) => void}} Listener */

/** What a cashier can type ahead while the box is away; more would be selling from memory. */
export const WAITING_MAX = 30;
const KEPT = "tillbox.waiting";
const AGAIN_MS_MIN = 250;
const AGAIN_MS_MAX = 3_000;

/** Money is never moved by a wish that waited, nor a weight taken, nor a sale, nor a paper printed beside nobody, nor an address kept on a till: these are refused while the box is away, */
const ONLY_NOW = new Set(["weigh_item", "take_cash", "pay_by_card", "take_tender", "take_foreign_cash", "set_tip", "return_tip", "abandon", "next_sale", "cancel_card", "confirm_signature", "refuse_signature", "park", "resume", "give_cash", "give_tender", "refund_by_card", "settle", "reprint_receipt", "print_gift_receipt", "email_receipt", "confirm_age", "refuse_age", "begin_training", "end_training"]);
/** and so is what people settle of a card in doubt: what was seen is to be true when it is kept; */
export const SETTLES = new Set(["ask_terminal", "attach_evidence", "reverse_in_doubt", "settle_card_alarm"]);
/** and so is what changes prices, may need a second person, or opens the drawer beside nobody. */
export const BY_HAND = new Set(["override_price", "give_discount", "remove_discount", "add_coupon", "remove_coupon", "set_customer", "open_drawer"]);

/** What gives goods or money back waits for the box too: only it knows what may still come back. */
export const GOES_BACK = new Set(["return_empties", "return_tip", "return_line", "return_item", "give_cash", "give_tender", "refund_by_card", "settle"]);

/** Whether a wish is being carried out right now. */
export const busy = signal(false);
/** @type {Listener | null} */
let listener = null;
let wake = () => {};

/** @param {Listener} heard */
export function listenToAnswers(heard) {
  listener = heard;
}

/**
 * Sends a wish. Returns what hindered it, or "" when it is on its way.
 * @param {Command} command @param {string} [name] what people call the article
 * @param {{id?: string, until?: number}} [more] an id that it has already; until when it may be sent
 * @returns {"" | "lost" | "full" | "signed_out" | "busy"}
 */
export function wish(command, name = "", { id = newId(), until } = {}) {
  const cashier = session.value?.cashier;
  if (!session.value || !cashier) return "signed_out";
  const onlyNow = ONLY_NOW.has(command.type) || SETTLES.has(command.type);
  if ((onlyNow || BY_HAND.has(command.type) || GOES_BACK.has(command.type)) && boxLostSince.value !== null) return "lost";
  // a second press while the first is on its way is the same wish
  if (onlyNow && waiting.value.some((each) => each.command.type === command.type)) return "busy";
  if (waiting.value.length >= WAITING_MAX) return "full";
  const next = { till: session.value.till, cashier: cashier.id, name, tried: false, ...(until === undefined ? {} : { until }), command: { ...command, command_id: id } };
  keep([...waiting.value, next]);
  if (waiting.value.length === 1) void carryOut();
  return "";
}

/** Takes up what was on its way when the page was loaded anew. */
export function resumeWishes() {
  const { till, cashier } = { till: session.value?.till, cashier: session.value?.cashier?.id };
  let kept = [];
  try {
    kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  } catch {
    // not ours any more
  }
  const ours = /** @type {Wish[]} */ (kept).filter((each) => each.till === till && each.cashier === cashier);
  if (busy.value || ours.length === 0) return;
  keep(ours);
  void carryOut();
}

/** Forgets wishes: the cashier left. */
export function dropWishes() {
  keep([]);
  wake();
}

/** Tries at once: the box answers again. */
export function tryNow() {
  wake();
}

async function carryOut() {
  if (busy.value) return;
  busy.value = true;
  let again = AGAIN_MS_MIN;
  try {
    for (let first = waiting.value[0]; first; first = waiting.value[0]) {
      const one = first;
      const left = (one.until ?? Infinity) - Date.now();
      if (left <= 0) {
        done(one);
        listener?.late(one);
        continue;
      }
      try {
        keep(waiting.value.map((each) => (each === one ? { ...one, tried: true } : each)));
        const view = await ask("POST", `/api/v1/tills/${encodeURIComponent(one.till)}/commands`, one.command, Math.min(ANSWER_MS_MAX, left));
        again = AGAIN_MS_MIN;
        listener?.answered(view, one);
        done(one);
      } catch (error) {
        if (error instanceof Silence) {
          listener?.silent();
          await pause(Math.min(again, Math.max(0, (one.until ?? Infinity) - Date.now())));
          again = Math.min(AGAIN_MS_MAX, again * 2);
        } else if (error instanceof Refusal) {
          again = AGAIN_MS_MIN;
          listener?.refused(error, one);
          if (error.status === 401) keep([]);
          else done(one);
        } else throw error;
      }
    }
  } finally {
    busy.value = false;
  }
}

/** @param {Wish} one */
function done(one) {
  keep(waiting.value.filter((each) => each.command.command_id !== one.command.command_id));
}

/** @param {Wish[]} wishes */
function keep(wishes) {
  waiting.value = wishes;
  try {
    const kept = wishes.filter((each) => !("birth_date" in each.command || "address" in each.command)); // personal: asked again after a reload
    if (kept.length) sessionStorage.setItem(KEPT, JSON.stringify(kept));
    else sessionStorage.removeItem(KEPT);
  } catch {
    // storage switched off: they wait as long as the page lives
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve(undefined);
    };
  });
}
