// Sales that are set aside, and taken up again at any till. The box keeps them; this page only asks.
import { computed } from "@preact/signals";
import { newId } from "../kit/ids.js";
import { money, unbroken } from "../kit/numbers.js";
import { locale, say } from "../kit/words.js";
import { backToSale, send } from "./doings.js";
import { tell } from "./happenings.js";
import { parkedName } from "./parked_news.js";
import * as store from "./store.js";

/** @typedef {import("./store").Parking} Parking */
/** @typedef {import("./protocol").ParkedView} ParkedView */
/** @typedef {import("./command_queue").Wish} Wish */

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
const DAY_HOURS = 24;

/** All parked sales of the store: those handed to this till first, those handed to another one last; oldest first. */
export const parkedHere = computed(() => {
  const own = store.session.value?.till ?? "";
  const rank = (/** @type {ParkedView} */ each) => (each.for_till === own ? 0 : each.for_till === "" ? 1 : 2);
  return [...(store.view.value?.parked ?? [])].sort((a, b) => rank(a) - rank(b) || a.parked_at - b.parked_at);
});

/** How long a sale has been waiting, in words. @param {number} since ms since 1970 */
export function age(since) {
  const minutes = Math.floor(Math.max(0, store.now.value - since) / MINUTE_MS);
  if (minutes < 1) return say("parked_now");
  const format = new Intl.RelativeTimeFormat(locale(), { style: "short" });
  if (minutes < HOUR_MINUTES) return format.format(-minutes, "minute");
  const hours = Math.floor(minutes / HOUR_MINUTES);
  return hours < DAY_HOURS ? format.format(-hours, "hour") : format.format(-Math.floor(hours / DAY_HOURS), "day");
}

/** The store's other tills: one of them may be handed the sale. */
export const otherTills = () => (store.session.value?.tills ?? []).filter((each) => each !== store.session.value?.till);

// --- park ------------------------------------------------------------------------------------------

/** Why this sale cannot be set aside, in words; empty when it can. */
export function parkHindered() {
  const view = store.view.value;
  if (!view || view.state === "idle") return say("refusal_no_sale_open");
  if (view.state === "done") return say("refusal_sale_is_done", { receipt: view.receipt_number ?? "" });
  if (view.state === "paying") return say("refusal_card_payment_running");
  if (view.weighing) return say("refusal_weighing_running", { name: unbroken(view.weighing.name) });
  if (view.state === "in_doubt") return "";
  const paid = view.tenders.filter((each) => each.state === "taken" || each.state === "approved").reduce((sum, each) => sum + each.amount_minor, 0);
  if (paid) return say("refusal_tendered_already", { tendered: money(paid, view.currency) });
  return store.liveLines.value.length ? "" : say("refusal_nothing_to_park");
}

/** Opens the desk that parks; pressed a second time it parks at once. @param {{pointerType?: string}} [event] */
export function askPark(event) {
  if (store.parking.value?.kind === "park") return sendPark();
  const hindered = parkHindered();
  if (hindered) return void tell(hindered);
  if (store.screen.value === "paying") backToSale();
  store.pad.value = null;
  store.hand.value = null;
  store.returning.value = null;
  store.settling.value = null;
  store.pane.value = "keys";
  store.parking.value = { kind: "park", label: "", till: "", touched: event?.pointerType === "touch", sent: "", last: null };
  return undefined;
}

/** Changes what is typed; a wish on its way stays as it was sent. @param {{label?: string, till?: string}} change */
export function changePark(change) {
  const parking = store.parking.value;
  if (parking?.kind === "park" && !parking.sent) store.parking.value = { ...parking, ...change };
}

/** Sends it. The very same wish again has the same id: it is done once. */
export function sendPark() {
  const parking = store.parking.value;
  if (parking?.kind !== "park" || parking.sent) return;
  const command = /** @type {const} */ ({ type: "park", label: parking.label.trim(), ...(parking.till ? { for_till: parking.till } : {}) });
  const body = JSON.stringify(command);
  const id = parking.last?.body === body ? parking.last.id : newId();
  if (send(command, "", { id })) store.parking.value = { ...parking, sent: id, last: { body, id } };
}

// --- resume ----------------------------------------------------------------------------------------

/** Why no parked sale can be taken up now, in words; empty when one can. */
export function resumeHindered() {
  const state = store.view.value?.state;
  if (state !== "idle" && state !== "done") return say("refusal_sale_still_open");
  return parkedHere.value.length ? "" : say("parked_none");
}

/** Opens the list of parked sales. */
export function askResume() {
  if (store.parking.value?.kind === "resume") return;
  const hindered = resumeHindered();
  if (hindered) return void tell(hindered, parkedHere.value.length ? "wait" : "");
  store.pad.value = null;
  store.hand.value = null;
  store.returning.value = null;
  store.typed.value = "";
  store.pane.value = "keys";
  store.message.value = null;
  store.parking.value = { kind: "resume", at: parkedHere.value[0]?.sale_id ?? "", place: 0 };
}

/** The sale of the list that Enter takes up: the chosen one, or what stands in its place since it went. */
export function chosenParked() {
  const parking = store.parking.value;
  const all = parkedHere.value;
  if (parking?.kind !== "resume") return null;
  return all.find((each) => each.sale_id === parking.at) ?? all[Math.min(parking.place, all.length - 1)] ?? null;
}

/** @param {ParkedView | undefined} parked */
export function chooseParked(parked) {
  if (store.parking.value?.kind === "resume" && parked) store.parking.value = { kind: "resume", at: parked.sale_id, place: parkedHere.value.indexOf(parked) };
}

/** @param {number} step of places; more than there are goes to the end */
export function stepParked(step) {
  const all = parkedHere.value;
  const at = all.indexOf(/** @type {ParkedView} */ (chosenParked()));
  chooseParked(all[Math.max(0, Math.min(all.length - 1, at + step))]);
}

/** Takes a parked sale up again. @param {ParkedView | null} parked */
export function resume(parked) {
  if (!parked) return;
  const hindered = resumeHindered();
  if (hindered) return void tell(hindered);
  send({ type: "resume", sale_id: parked.sale_id }, parkedName(parked));
}

export function closeParking() {
  store.parking.value = null;
}

// --- answers ---------------------------------------------------------------------------------------

/** @param {Wish} one */
export function parkingAnswered(one) {
  if (one.command.type === "park" || one.command.type === "resume") store.parking.value = null;
}

/** It was refused: what was typed stays. @param {Wish} one */
export function parkingRefused(one) {
  const parking = store.parking.value;
  if (parking?.kind === "park" && parking.sent === one.command.command_id) store.parking.value = { ...parking, sent: "" };
}
