// Empties that come back: scans are theirs while the desk is open. The box knows it, since it has the scanners.
import { newId } from "../kit/ids.js";
import { sound } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { ask } from "./box_api.js";
import { lineHindered, send } from "./doings.js";
import { takeView, tell, why } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./command_queue").Wish} Wish */

/** Whether a second person was asked for it, or it is on its way. */
let sent = "";

export const takesEmpties = () => store.view.value?.empties === true && ["idle", "sell"].includes(store.screen.value);

/** Why none can come back now; empty when they can. */
export const emptiesHindered = () => (store.screen.value === "idle" ? "" : store.screen.value === "sell" && store.chosen.value ? paidHindered() : store.screen.value === "sell" ? "" : say("line_paid_no"));

const paidHindered = () => (store.view.value?.tenders.some((tender) => ["taken", "approved", "returned"].includes(tender.state)) ? lineHindered(store.chosen.value) : "");

/** @param {"POST" | "DELETE"} method */
async function turn(method) {
  const till = store.session.value?.till;
  if (!till) return;
  try {
    takeView(await ask(method, `/api/v1/tills/${encodeURIComponent(till)}/empties`));
  } catch (error) {
    sound("refused");
    tell(why(error));
  }
}

/** Opens the desk, or closes it again. */
export function askEmpties() {
  store.sheet.value = null;
  if (takesEmpties()) return void turn("DELETE");
  const hindered = emptiesHindered();
  if (hindered) return tell(hindered);
  store.pad.value = store.hand.value = store.parking.value = store.returning.value = null;
  store.typed.value = "";
  store.pane.value = "keys";
  return void turn("POST");
}

export function endEmpties() {
  void turn("DELETE");
}

/** Takes what a code names back, as often as was typed before. @param {string} code @param {string} name */
export function takeEmpty(code, name) {
  const id = newId();
  if (!send({ type: "return_empties", code, quantity: store.nextQuantity.value }, name, { id })) return false;
  sent = id;
  store.nextQuantity.value = 1000;
  store.typed.value = "";
  return true;
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {Wish} one */
export function emptiesRefused(refusal, one) {
  const { command } = one;
  if (command.type !== "return_empties" || command.command_id !== sent) return false;
  if (refusal.code !== "needs_approval" && refusal.code !== "approval_over") return false;
  const { approval: _, ...wish } = command;
  const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
  askApproval({ command: wish, name: one.name, what: say("empties"), about: one.name, reason: "", fault });
  return true;
}

/** @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedEmpties(command, name, until) {
  const { command_id: id, ...wish } = command;
  send(/** @type {import("./protocol").Command} */ (wish), name, { id, until });
}

/** The empties of this sale, newest last. */
export const emptiesHere = () => store.liveLines.value.filter((line) => line.deposit && line.entry === "returned" && !line.returned_from);

/** Deposits that have a quick key: what has no code is pressed. */
export const depositKeys = () => store.quickPages.value.flatMap((page) => page.keys).filter((tile) => tile.deposit);
