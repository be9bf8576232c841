// Copies and gift receipts of sales that stand: asked for by the number on the receipt, or by its code.
import { signal } from "@preact/signals";
import { say } from "../kit/words.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import { receiptInWords } from "./returns.js";
import * as store from "./store.js";

/** @typedef {"reprint_receipt" | "print_gift_receipt"} Again */

/** The receipt that was typed; null for this till's newest. */
export const receiptTyped = signal(/** @type {string | null} */ (null));

/** The receipt that the keys are about. */
export const receiptAsked = () => (receiptTyped.value ?? store.view.value?.last_receipt ?? "").trim();

/** Asks for it; what was typed stays until the box has taken it. @param {Again} type @param {string} receipt */
export function printAgain(type, receipt) {
  if (receipt === "") return void tell(say("again_type"));
  if (!send({ type, receipt }, receipt)) return undefined;
  store.sheet.value = null;
  return undefined;
}

/** @param {import("./command_queue").Wish} one */
export function againAnswered({ command }) {
  if (command.type !== "reprint_receipt" && command.type !== "print_gift_receipt") return;
  receiptTyped.value = null;
  const receipt = receiptInWords(command.receipt);
  tell(say(command.type === "reprint_receipt" ? "copy_asked" : "gift_asked", { receipt }), "");
}
