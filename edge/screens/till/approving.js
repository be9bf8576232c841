// A second person approves with a PIN of their own: good for one command, at this till, for a minute.
import { say } from "../kit/words.js";
import { ask } from "./box_api.js";
import { tell, why } from "./happenings.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").ApprovedCommand & {command_id: string}} Wanted */
/** @typedef {import("./protocol").Permission} Permission */
/**
 * What waits for the PIN: the command as it was refused, and what it does in words.
 * @typedef {{command: Wanted, name: string, what: string, about: string, reason: string, fault: string, permission?: string | undefined}} Approval `permission` as the refusal named it, where a wish may need several
 */

/** Who may approve, as edge/contract/permissions.py has it; a test compares. @type {Readonly<Record<Permission, readonly string[]>>} */
export const MAY_APPROVE = Object.freeze({
  discount: ["supervisor", "manager"],
  override_price: ["supervisor", "manager"],
  no_sale: ["supervisor", "manager"],
  unchecked_tender: ["supervisor", "manager"],
  return_without_receipt: ["supervisor", "manager"],
  refund_other_tender: ["supervisor", "manager"],
  resolve_payment: ["supervisor", "manager"],
  tip: ["supervisor", "manager"],
  training: ["supervisor", "manager"],
});
/** @type {Readonly<Record<string, Permission>>} */
const NEEDED = Object.freeze({ add_item: "override_price", give_discount: "discount", override_price: "override_price", open_drawer: "no_sale", take_tender: "unchecked_tender", return_item: "return_without_receipt", return_line: "return_without_receipt", return_empties: "return_without_receipt", give_cash: "refund_other_tender", give_tender: "refund_other_tender", refund_by_card: "refund_other_tender", attach_evidence: "resolve_payment", reverse_in_doubt: "resolve_payment", settle_card_alarm: "resolve_payment", set_tip: "tip", return_tip: "tip", begin_training: "training" });

/** @param {Approval} wanted */
export function askApproval(wanted) {
  store.approval.value = wanted;
  store.sheet.value = "approval";
}

/** @param {Approval} wanted @returns {Permission | undefined} */
const needed = ({ command, permission = "" }) => (permission in MAY_APPROVE ? /** @type {Permission} */ (permission) : NEEDED[command.type]);

/** Everybody here who may approve it: never oneself. @param {Approval} wanted */
export function approvers(wanted) {
  const permission = needed(wanted);
  const session = store.session.value;
  if (!permission || !session) return [];
  return session.staff.filter((each) => each.id !== session.cashier?.id && MAY_APPROVE[permission].includes(each.role));
}

/**
 * Returns why not, or "" when the command is on its way again.
 * @param {string} approver @param {string} pin
 * @param {(command: Wanted, name: string, until: number) => void} goOn
 */
export async function approve(approver, pin, goOn) {
  const wanted = store.approval.value;
  const till = store.session.value?.till;
  if (!wanted || !till) return "";
  const asked = Date.now(); // the minute counts from before the box gave it
  let given;
  try {
    given = await ask("POST", `/api/v1/tills/${encodeURIComponent(till)}/approvals`, { approver, pin, permission: needed(wanted) });
  } catch (error) {
    return why(error);
  }
  if (store.approval.value !== wanted) return ""; // the sheet was left meanwhile: what was given is not used
  store.approval.value = null;
  store.sheet.value = null;
  store.message.value = null;
  goOn({ ...wanted.command, approval: given.approval }, wanted.name, asked + given.valid_s * 1000);
  return "";
}

/** Esc: nothing was changed, and what was typed is still there. */
export function leaveApproval() {
  if (!store.approval.value) return;
  store.approval.value = null;
  tell(say("approval_left"));
}
