// A card that the customer signs for: what a cashier found is said to the box, once.
import { signal } from "@preact/signals";
import { money } from "../kit/numbers.js";
import { say } from "../kit/words.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import * as store from "./store.js";

/** The payment whose refusal was pressed once: money goes back with the second press. */
export const refusing = signal("");

/** The payment that waits for its signature to be looked at. */
export const signature = () => store.view.value?.signature ?? null;
/** While the terminal takes it back nothing else is to be said about it. */
export const goingBack = () => signature()?.reversal === "asked";

export function confirmSignature() {
  const now = signature();
  if (!now) return;
  if (goingBack()) return void tell(say("refusal_reversal_running"));
  refusing.value = "";
  send({ type: "confirm_signature", payment: now.payment });
  return undefined;
}

export function refuseSignature() {
  const now = signature();
  if (!now) return;
  if (goingBack()) return void tell(say("refusal_reversal_running"));
  if (!now.may_refuse) return void tell(say("refusal_signature_not_reversible"));
  if (refusing.value !== now.payment) {
    refusing.value = now.payment;
    return;
  }
  if (send({ type: "refuse_signature", payment: now.payment })) refusing.value = "";
  return undefined;
}

/** What the key that takes the payment back says. */
export function refusalWords() {
  const now = signature();
  return now && refusing.value === now.payment ? say("signature_bad_again", { amount: money(now.amount_minor, store.currency.value) }) : say("signature_bad");
}
