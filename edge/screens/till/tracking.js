// Articles that are sold with a serial or a lot number: it is scanned or typed before they are in the sale.
import { signal } from "@preact/signals";
import { newId } from "../kit/ids.js";
import { say } from "../kit/words.js";
import { closePad, openPad, send } from "./doings.js";
import { tell } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./command_queue").Wish} Wish */

export const NUMBER_CHARS_MAX = 40;
export const numberTyped = signal("");
let sent = "";

/** @type {Readonly<Record<string, "serial" | "lot">>} */
const ASKS = Object.freeze({ serial_asked: "serial", lot_asked: "lot" });

/** The box asks for a number. @param {string} code of its refusal @param {Record<string, string>} params @param {number} [quantity] */
export function numberAsked(code, params, quantity = 1000) {
  const what = ASKS[code];
  if (!what || !params["code"]) return false;
  const now = store.pad.value;
  if (now?.kind === "track" && now.code === params["code"]) {
    // asked for in the answer and in the view: what is typed meanwhile stays
    if (quantity !== 1000) store.pad.value = { ...now, quantity };
    return true;
  }
  numberTyped.value = "";
  openPad({ kind: "track", what, code: params["code"], name: params["name"] ?? params["code"], quantity });
  return true;
}

/** A scan while a number is asked is that number, not an article. @param {string} text */
export function takeNumber(text) {
  if (store.pad.value?.kind !== "track") return false;
  numberTyped.value = text.trim().slice(0, NUMBER_CHARS_MAX);
  sellTracked();
  return true;
}

/** Sells the article with the number that is typed. */
export function sellTracked() {
  const use = store.pad.value;
  if (use?.kind !== "track") return;
  const number = numberTyped.value.trim();
  if (!number) return void tell(say("track_type"));
  const id = newId();
  if (send({ type: "add_item", code: use.code, quantity: use.quantity, [use.what]: number }, use.name, { id })) sent = id;
  if (store.boxLostSince.value !== null) closePad();
}

/** @param {Wish} one */
export function trackedAnswered(one) {
  if (one.command.command_id !== sent) return;
  sent = "";
  if (store.pad.value?.kind === "track") closePad();
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export const trackedRefused = (refusal, one) => one.command.type === "add_item" && numberAsked(refusal.code, refusal.params, one.command.quantity);
