// Is the customer old enough? Asked in the quick keys' place: scans go on, only paying waits for the answer.
import { effect, signal, untracked } from "@preact/signals";
import { DATE_DIGITS, typedDate } from "../kit/dates.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import * as store from "./store.js";

/** The age whose question was put aside, to scan on; paying, or a higher age, brings it back. */
const aside = signal(0);

const asked = () => store.view.value?.age_check ?? null;

/** What is asked in the quick keys' place now; null while something else is there. */
export function ageShown() {
  const check = asked();
  const busy = store.pad.value || store.hand.value || store.parking.value || store.returning.value || store.typed.value || store.view.value?.empties;
  return check && !busy && check.minimum_age > aside.value && store.screen.value === "sell" ? check : null;
}

/** The question of the view before: views come for other reasons too. */
let before = "";

effect(() => {
  const age = asked()?.minimum_age ?? 0;
  const question = age ? `${store.view.value?.sale_id} ${age}` : "";
  if (question === before) return;
  before = question;
  untracked(() => {
    if (!store.pad.value) store.padDigits.value = ""; // a birth date belongs to the question that it was typed for
    if (age === 0) aside.value = 0;
    if (age <= aside.value) return;
    sound("question");
    store.pane.value = "keys";
  });
});

/** Brings the question before the cashier; returns whether there is one. */
export function ageHolds() {
  const check = asked();
  if (!check) return false;
  store.pad.value = store.hand.value = store.parking.value = store.returning.value = null;
  store.typed.value = "";
  aside.value = 0;
  store.pane.value = "keys";
  sound("refused");
  tell(say("refusal_age_unchecked", { age: check.minimum_age }));
  return true;
}

export function putAgeAside() {
  aside.value = asked()?.minimum_age ?? 0;
  store.padDigits.value = "";
}

/** @param {string} digit */
export function typeBirth(digit) {
  if (store.padDigits.value.length < DATE_DIGITS) store.padDigits.value += digit;
}

export function eraseBirth() {
  store.padDigits.value = store.padDigits.value.slice(0, -1);
}

/** Whether the primary key can go: nothing typed means that the cashier saw it, else the whole date. */
export const ageReady = () => [0, DATE_DIGITS].includes(store.padDigits.value.length);

export function confirmAge() {
  const check = asked();
  if (!check) return;
  const digits = store.padDigits.value;
  if (!ageReady()) {
    tell(say("age_whole"));
    return;
  }
  const born = digits ? { birth_date: typedDate(digits) } : {};
  send({ type: "confirm_age", minimum_age: check.minimum_age, ...born });
}

export function refuseAge() {
  const check = asked();
  if (check) send({ type: "refuse_age", minimum_age: check.minimum_age });
}
