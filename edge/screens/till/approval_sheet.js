// The sheet that a refused wish opens: who approves, and their PIN. Nothing that was typed is lost behind it.
import { useLayoutEffect, useRef } from "preact/hooks";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { approve, approvers, leaveApproval } from "./approving.js";
import { sendApproved } from "./by_hand.js";
import { sendApprovedSettling } from "./evidence.js";
import { sendApprovedEmpties } from "./empties.js";
import { sendApprovedOpen } from "./open_prices.js";
import { newPinEntry, People, PinPad, submitPin, typePin } from "./pin_pad.js";
import { sendApprovedRefund } from "./refunds.js";
import { sendApprovedReturn } from "./returns.js";
import { Sheet } from "./sheet.js";
import { sendApprovedTender } from "./tenders.js";
import { sendApprovedTip } from "./tips.js";
import { sendApprovedTraining } from "./training.js";
import * as store from "./store.js";

/** Who takes a command up again that was approved. @type {Readonly<Record<string, typeof sendApproved>>} */
const GO_ON = Object.freeze({ add_item: sendApprovedOpen, return_empties: sendApprovedEmpties, take_tender: sendApprovedTender, return_item: sendApprovedReturn, return_line: sendApprovedReturn, give_cash: sendApprovedRefund, give_tender: sendApprovedRefund, refund_by_card: sendApprovedRefund, attach_evidence: sendApprovedSettling, reverse_in_doubt: sendApprovedSettling, settle_card_alarm: sendApprovedSettling, set_tip: sendApprovedTip, return_tip: sendApprovedTip, begin_training: sendApprovedTraining });

/** @param {{wanted: import("./approving").Approval}} props */
function Asked({ wanted }) {
  const people = approvers(wanted);
  const made = useRef(/** @type {import("./pin_pad").PinEntry | null} */ (null));
  made.current ??= newPinEntry();
  const entry = made.current;
  const submit = () => void submitPin(entry, (person, pin) => approve(person, pin, GO_ON[wanted.command.type] ?? sendApproved));
  useLayoutEffect(() => {
    entry.fault.value = wanted.fault;
    if (people.length === 1 && people[0]) entry.person.value = people[0].id;
    const typed = (/** @type {KeyboardEvent} */ event) => void typePin(entry, event, submit);
    addEventListener("keydown", typed);
    return () => {
      removeEventListener("keydown", typed);
      leaveApproval();
    };
  }, []);
  const cashier = store.session.value?.cashier?.name ?? "";
  return html`<${Sheet} title=${say("approval_title")} kind="sheet--wide"><div class="approval">
    <div class="approval__what">
      <p class="approval__wish"><b><bdi>${wanted.what}</bdi></b><span><bdi>${wanted.about}</bdi></span>${wanted.reason && html`<span class="quiet"><bdi>${wanted.reason}</bdi></span>`}</p>
      <p class="quiet">${people.length ? say("approval_choose", { name: cashier }) : say("approval_none")}</p>
      <${People} entry=${entry} people=${people} first />
      <p class="quiet approval__leave"><${Icon} name="back" size="s" turns />${say("approval_leave")}</p></div>
    ${people.length > 0 && html`<${PinPad} entry=${entry} people=${people} does=${say("approve")} submit=${submit} />`}</div><//>`;
}

export function ApprovalSheet() {
  const wanted = store.approval.value;
  return wanted ? html`<${Asked} wanted=${wanted} key=${wanted.command.command_id} />` : null;
}
