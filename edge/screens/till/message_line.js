// The message line: always there, speaks of the newest thing, and of trouble when nothing is newer.
import { html, Icon, Notice } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { voidLine } from "./doings.js";
import { askDepartment, departments } from "./open_prices.js";
import { deviceKey, deviceWords, worstDevice } from "./trouble_words.js";
import * as store from "./store.js";

/** @param {string} hint what is said when there is nothing to say @returns {import("./store").Message} */
function newest(hint) {
  const view = store.view.value;
  if (store.boxLostSince.value !== null) {
    const n = store.waiting.value.length;
    const hand = store.hand.value;
    if (hand && hand.kind !== "note" && !hand.sent) return { tone: "lost", icon: "lost", lead: say("box_lost_title"), words: say("hand_lost") };
    if (store.returning.value && !store.returning.value.sent) return { tone: "lost", icon: "lost", words: say("back_lost") };
    const words = n ? say("box_lost_waiting", { n }) : say("box_lost_words");
    return { tone: "lost", icon: "lost", lead: say("box_lost_title"), words };
  }
  const said = store.message.value;
  if (said && !said.device) return said;
  const devices = view?.devices ?? [];
  const trouble = devices.find((device) => !device.well && deviceKey(device) === said?.device) ?? worstDevice(devices);
  if (trouble) return { tone: "person", icon: "person", ...deviceWords(trouble, view) };
  return { tone: "", icon: "check", words: hint };
}

/** @param {{hint?: string}} props */
export function MessageLine({ hint = say("ready_short") }) {
  const { tone, icon, lead, words, undo, unknown } = newest(hint);
  const line = undo ? store.liveLines.value.find((each) => each.line_id === undo) : null;
  return html`<${Notice} tone=${tone} icon=${icon}>
    <span class="grow">${lead && html`<b><bdi>${lead}</bdi></b> `}<bdi>${words}</bdi></span>
    ${unknown && departments().length > 0 && html`<button type="button" class="key" onClick=${() => askDepartment(unknown)}>${say("department_sell")}</button>`}
    ${line && html`<button type="button" class="key key--quiet" onClick=${() => voidLine(line)}>${say("undo")}</button>`}
  <//>`;
}

/** After the sale, and while it is in doubt: only what matters there. */
export function TroubleLine() {
  const view = store.view.value;
  const trouble = worstDevice(view?.devices ?? []);
  if (store.boxLostSince.value !== null || store.message.value) return html`<${MessageLine} />`;
  if (!trouble) return null;
  const { lead, words } = deviceWords(trouble, view);
  return html`<${Notice} tone="person" icon="person"><span class="grow"><b><bdi>${lead}</bdi></b> <bdi>${words}</bdi></span><//>`;
}

/** A field's fault, in words, below it. @param {{words: string}} props */
export function Fault({ words }) {
  return html`<p class="field__fault" role="alert">${words && html`<${Icon} name="person" size="s" />${words}`}</p>`;
}
