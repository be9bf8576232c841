// A till in training: begun with a second person, between sales; the frame around the screen says so all the time.
import { say } from "../kit/words.js";
import { askApproval } from "./approving.js";
import { send } from "./doings.js";
import { tell } from "./happenings.js";
import * as store from "./store.js";

/** Begins training, or ends it. */
export function switchTraining() {
  if (send({ type: store.view.value?.training ? "end_training" : "begin_training" })) store.sheet.value = null;
}

/** @param {import("./command_queue").Wish} one */
export function trainingAnswered({ command }) {
  if (command.type !== "begin_training" && command.type !== "end_training") return;
  store.lastSale.value = null; // of the other mode
  tell(say(command.type === "begin_training" ? "training_began" : "training_over"), "");
}

/** Returns whether the refusal was dealt with here. @param {import("./box_api.js").Refusal} refusal @param {import("./command_queue").Wish} one */
export function trainingRefused(refusal, one) {
  if (one.command.type !== "begin_training" || (refusal.code !== "needs_approval" && refusal.code !== "approval_over")) return false;
  const { approval: _, ...command } = one.command;
  const fault = refusal.code === "approval_over" ? say("refusal_approval_over") : "";
  askApproval({ command, name: "", what: say("training_begin"), about: say("training_words"), reason: "", fault });
  return true;
}

/** Takes it up again once a second person approved. @param {import("./approving").Approval["command"]} command @param {string} name @param {number} until */
export function sendApprovedTraining(command, name, until) {
  const { command_id: id, ...wish } = command;
  send(/** @type {import("./protocol").Command} */ (wish), name, { id, until });
}
