// The keys of the till: a table of actions, each with its usual key, all of which can be changed.
import { signal } from "@preact/signals";
import { changedKeys } from "../kit/choices.js";
import * as ages from "./ages.js";
import * as byHand from "./by_hand.js";
import { askCustomer } from "./customers.js";
import * as doings from "./doings.js";
import * as parking from "./parking.js";
import { askEmpties } from "./empties.js";
import { openPriceCheck } from "./price_check.js";
import * as refunds from "./refunds.js";
import { confirmSignature, refuseSignature, signature } from "./signatures.js";
import { chooseReason, inReturning } from "./return_keys.js";
import { askReturn } from "./returns.js";
import * as store from "./store.js";
import * as tenders from "./tenders.js";
import { askTip, keepChange } from "./tips.js";
import { sellTracked } from "./tracking.js";
import { GAP_MS_MAX, inBurst, scansHeard } from "./wedge.js";

/** @typedef {"search" | "pay" | "back" | "times" | "help" | "void" | "discount" | "price" | "note" | "drawer" | "park" | "resume" | "return" | "check" | "more" | "empties" | "customer" | "tip"} Action */

/** @type {Readonly<Record<Action, string>>} */
export const USUAL_KEYS = Object.freeze({ search: "F2", pay: "F9", back: "Escape", times: "*", help: "?", void: "Delete", discount: "F8", price: "F6", note: "F7", drawer: "F10", park: "F4", resume: "F5", return: "F1", check: "F11", more: "F12", empties: "Insert", customer: "F3", tip: "End" });
/** The action that waits for its new key. */
export const changing = signal(/** @type {Action | null} */ (null));

/** @returns {Record<Action, string>} */
export function keys() {
  try {
    return { ...USUAL_KEYS, ...JSON.parse(changedKeys.value) };
  } catch {
    return { ...USUAL_KEYS };
  }
}

/** The name of a key as it is printed on it. @param {string} key */
export const keyName = (key) => ({ Escape: "Esc", Delete: "Del", Insert: "Ins", ArrowUp: "↑", ArrowDown: "↓" })[key] ?? key;

/** @param {Action} action @param {string} key */
function change(action, key) {
  const next = keys();
  const other = /** @type {Action[]} */ (Object.keys(next)).find((each) => next[each] === key);
  if (other) next[other] = next[action]; // two actions never share a key: they trade
  next[action] = key;
  changedKeys.value = JSON.stringify(next);
}

export function listenToKeys() {
  addEventListener("keydown", press);
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (changing.value) {
    if (event.key === "Shift" || event.key === "Alt" || event.key === "Control") return;
    event.preventDefault();
    change(changing.value, event.key);
    changing.value = null;
    return;
  }
  if (event.ctrlKey || event.metaKey || event.isComposing || !["idle", "sell", "paying", "change", "indoubt"].includes(store.screen.value)) return;
  if (event.altKey) {
    const number = Number(event.key);
    const paying = store.screen.value === "paying";
    if ((!paying && !store.returning.value) || store.sheet.value || !tenders.WAYS[number - 1]) return;
    event.preventDefault(); // browsers change tabs with it
    if (!paying) chooseReason(number);
    else if (refunds.goesBack()) refunds.chooseBackByNumber(number);
    else tenders.chooseByNumber(number);
    return;
  }
  const now = keys();
  const action = /** @type {Action[]} */ (Object.keys(now)).find((each) => now[each] === event.key);
  if (store.sheet.value) {
    if (action === "back") doings.back();
    if (action && event.key.length > 1) event.preventDefault(); // F5 would load the page anew
    return;
  }
  if (action && act(action, event)) {
    event.preventDefault();
    return;
  }
  const aside = !(event.target instanceof Element && event.target.id === "find");
  if (store.parking.value && aside) inParking(event, store.parking.value);
  else if (store.returning.value && aside && store.screen.value !== "paying") inReturning(event, store.returning.value);
  else if (store.screen.value === "paying") inPaying(event);
  else if (store.screen.value === "change") inChange(event);
  else inSelling(event);
}

/** Carries out an action; false lets the key mean itself. @param {Action} action @param {KeyboardEvent} event */
function act(action, event) {
  const letter = event.key.length === 1;
  if (letter && inBurst()) return false;
  switch (action) {
    case "search":
      return focusSearch();
    case "pay":
      if (event.repeat) return true;
      if (signature()) confirmSignature();
      else if (store.screen.value === "paying") takeOrGive();
      else if ((store.screen.value === "sell" || store.screen.value === "idle") && !ages.ageHolds()) doings.pay();
      return true;
    case "back":
      doings.back();
      return true;
    case "times":
      if (store.hand.value || store.parking.value || store.returning.value) return false;
      return doings.multiply(store.pad.value && store.pad.value.kind !== "code" ? "" : store.typed.value);
    case "help":
      if (letter && (store.typed.value || event.target instanceof HTMLInputElement)) return false;
      store.sheet.value = "keys";
      return true;
    case "discount":
    case "price":
    case "note":
    case "drawer":
      if (event.repeat || (store.screen.value !== "sell" && store.screen.value !== "idle")) return true;
      ({ discount: byHand.askDiscount, price: byHand.askPrice, note: byHand.askNote, drawer: byHand.askDrawer })[action]();
      return true;
    case "park":
      if (!event.repeat) parking.askPark();
      return true;
    case "resume":
      if (!event.repeat) parking.askResume();
      return true;
    case "return":
      if (!event.repeat) askReturn();
      return true;
    case "customer":
      if (!event.repeat && ["idle", "sell"].includes(store.screen.value)) askCustomer();
      return true;
    case "tip":
      if (store.screen.value !== "paying" || event.target instanceof HTMLInputElement) return false;
      if (!event.repeat) event.shiftKey ? keepChange() : askTip();
      return true;
    case "check":
    case "more":
      if (event.repeat || !["idle", "sell", "change"].includes(store.screen.value)) return true;
      if (action === "check") void openPriceCheck();
      else store.sheet.value = "more";
      return true;
    case "empties":
      if (!event.repeat && (store.screen.value === "idle" || store.screen.value === "sell")) askEmpties();
      return true;
    case "void":
      if (signature()) {
        if (!event.repeat) refuseSignature();
        return true;
      }
      if (store.parking.value || store.returning.value) return false;
      if (store.typed.value || store.hand.value || store.screen.value !== "sell") return false;
      doings.voidLine(store.chosen.value);
      return true;
  }
}

function focusSearch() {
  const field = document.getElementById("find");
  if (!(field instanceof HTMLInputElement)) return false;
  // at once, also on a phone whose other pane is in sight: a frame later the first digit would be lost
  store.pane.value = "keys";
  field.focus();
  field.select();
  return true;
}

/** Longer than the gaps inside a scan: what is still typed then was typed by a person. */
const AFTER_BURST_MS = 2 * GAP_MS_MAX;
let later = 0;

/**
 * A phone shows the sale, the search box lies behind it: letters are kept at once, and its pane comes once it is
 * sure that no scanner types (a scan takes its letters back).
 * @param {KeyboardEvent} event @param {HTMLInputElement} field
 */
function typeBehind(event, field) {
  event.preventDefault();
  store.typed.value += event.key;
  clearTimeout(later);
  const before = scansHeard;
  later = setTimeout(() => {
    if (!store.typed.value || scansHeard !== before) return;
    store.pane.value = "keys";
    field.focus();
  }, AFTER_BURST_MS);
}

const takeOrGive = () => (refunds.gives() ? refunds.give() : tenders.take());

/** @param {KeyboardEvent} event */
function inPaying(event) {
  if (store.view.value?.state !== "open" || (event.target instanceof HTMLInputElement && event.key !== "Enter")) return;
  if (/^\d$/.test(event.key)) doings.typeAmount(event.key);
  else if (event.key === "Backspace") doings.eraseAmount();
  else if (event.key === "Enter" && !pressable(event) && !event.repeat) takeOrGive();
  else if (event.key.length === 1 && event.key !== " " && tenders.focusReference()) return; // letters go to the number of what is given
  else return;
  event.preventDefault();
}

/** @param {KeyboardEvent} event @param {import("./store").Parking} what */
function inParking(event, what) {
  const steps = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
  const step = steps[/** @type {keyof typeof steps} */ (event.key)];
  if (event.key === "Enter") {
    if (pressable(event) || event.repeat) return;
    if (what.kind === "park") parking.sendPark();
    else parking.resume(parking.chosenParked());
  } else if (what.kind === "resume" && step) parking.stepParked(step);
  else {
    if (what.kind === "park" && event.key.length === 1 && event.key !== " " && !(event.target instanceof HTMLInputElement)) document.getElementById("park-label")?.focus();
    return;
  }
  event.preventDefault();
}

/** @param {KeyboardEvent} event */
function inChange(event) {
  if (event.key !== "Enter" || pressable(event) || event.repeat) return;
  event.preventDefault();
  doings.nextSale();
}

/** Digits go to the pad, letters to the reason or the note. @param {KeyboardEvent} event @param {import("./store").Hand} hand */
function inHand(event, hand) {
  const field = document.getElementById("hand-text");
  if (event.key === "Enter") {
    if (pressable(event) || event.repeat) return;
    byHand.sendHand();
  } else if (event.target instanceof HTMLInputElement) return;
  else if (hand.kind !== "note" && hand.kind !== "drawer" && /^[\d.,]$/.test(event.key)) byHand.typeHand(event.key === "," ? "." : event.key);
  else if (hand.kind !== "note" && hand.kind !== "drawer" && event.key === "Backspace") byHand.eraseHand();
  else {
    if (event.key.length === 1 && event.key !== " ") field?.focus();
    return;
  }
  event.preventDefault();
}

/** Digits are a birth date's while the age is asked. @param {KeyboardEvent} event */
function inAge(event) {
  if (/^\d$/.test(event.key)) ages.typeBirth(event.key);
  else if (event.key === "Backspace") ages.eraseBirth();
  else if (event.key === "Enter" && !pressable(event) && !event.repeat) ages.confirmAge();
  else return false;
  return true;
}

/** @param {KeyboardEvent} event */
function inSelling(event) {
  if (store.hand.value && !(event.target instanceof Element && event.target.id === "find")) {
    inHand(event, store.hand.value);
    return;
  }
  if (store.pad.value?.kind === "track") {
    if (event.key === "Enter" && !pressable(event) && !event.repeat) sellTracked();
    else {
      if (event.key.length === 1 && !(event.target instanceof HTMLInputElement)) document.getElementById("track-number")?.focus();
      return;
    }
    event.preventDefault();
    return;
  }
  if (store.pad.value && store.pad.value.kind !== "code") {
    if (/^\d$/.test(event.key)) doings.padType(event.key);
    else if (event.key === "Backspace") doings.padErase();
    else if (event.key === "Enter" && !pressable(event)) doings.padEnter();
    else return;
    event.preventDefault();
    return;
  }
  if (ages.ageShown() && !(event.target instanceof HTMLInputElement && event.target.value) && inAge(event)) {
    event.preventDefault();
    return;
  }
  const inGrid = event.target instanceof Element && event.target.closest(".tiles, .tabs, .found") !== null;
  if (!store.typed.value && (event.key === "+" || event.key === "-") && !inBurst()) {
    doings.stepQuantity(store.chosen.value, event.key === "+" ? 1 : -1);
    event.preventDefault();
  } else if (!inGrid && !store.typed.value && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    doings.chooseLine(event.key === "ArrowUp" ? -1 : 1);
    event.preventDefault();
  } else if (event.key.length === 1 && event.key !== " " && !(event.target instanceof HTMLInputElement)) {
    // typing without aiming lands in the search box
    const field = document.getElementById("find");
    if (!(field instanceof HTMLInputElement)) return;
    if (field.checkVisibility()) field.focus();
    else typeBehind(event, field);
  }
}

/** A focused key answers Enter itself. @param {KeyboardEvent} event */
const pressable = (event) => event.target instanceof HTMLButtonElement;
