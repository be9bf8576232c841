// Cards of which a terminal now says something else than was settled by hand: looked into by people, one by one.
import { clock, money } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { tillName } from "./access.js";
import { TEXT_CHARS_MAX } from "./by_hand.js";
import { endAlarm, found } from "./evidence.js";
import { MessageLine } from "./message_line.js";
import { Sheet } from "./sheet.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").CardAlarmView} CardAlarmView */

/** What a person or a terminal says of it. @param {boolean} back @param {boolean} yes @param {number} minor */
function words(back, yes, minor) {
  const amount = minor ? ` ${money(minor, store.currency.value)}` : "";
  if (back) return yes ? `${say("evidence_back")}${amount}` : say("evidence_not_back");
  return yes ? `${say("evidence_charged")}${amount}` : say("evidence_not_charged");
}

/** @param {CardAlarmView} alarm */
function terminalSays(alarm) {
  if (alarm.about === "reversal") return say("alarm_reversed", { amount: money(alarm.said_minor || alarm.settled_minor, store.currency.value) });
  return words(alarm.about === "refund", alarm.said === "approved", alarm.said_minor);
}

/** @param {{alarm: CardAlarmView}} props */
function Alarm({ alarm }) {
  const id = `found-${alarm.payment}`;
  const other = alarm.said === "other";
  const typed = (/** @type {InputEvent} */ event) => (found.value = { ...found.value, [alarm.payment]: /** @type {HTMLInputElement} */ (event.target).value });
  const end = (/** @type {Event} */ event) => {
    event.preventDefault();
    endAlarm(alarm.payment);
  };
  return html`<li><form class="settle" onSubmit=${end}>
    <dl class="facts"><dt>${say("till_named", { till: tillName(alarm.till) })}</dt><dd>${clock(alarm.at)}</dd>
      <dt>${say(other ? "alarm_asked" : "alarm_settled")}</dt><dd><bdi>${other ? money(alarm.settled_minor, store.currency.value) : words(alarm.about === "refund", alarm.settled === "approved", alarm.settled_minor)}</bdi></dd>
      <dt>${say("alarm_said")}</dt><dd><b><bdi>${terminalSays(alarm)}</bdi></b></dd>
      ${alarm.receipt && html`<dt>${say("evidence_receipt")}</dt><dd><bdi>${alarm.receipt}</bdi></dd>`}</dl>
    <div class="field"><label for=${id}>${say("alarm_found")}</label><input id=${id} autocomplete="off" dir="auto" maxlength=${TEXT_CHARS_MAX} value=${found.value[alarm.payment] ?? ""} onInput=${typed} /></div>
    <button type="submit" class="key"><${Icon} name="check" />${say("alarm_do")}</button></form></li>`;
}

export function AlarmSheet() {
  const alarms = store.view.value?.card_alarms ?? [];
  return html`<${Sheet} title=${say("alarm_title")} kind="sheet--wide"><p>${say("alarm_words")}</p>
    <${MessageLine} hint=${say("alarm_hint")} />
    <ul class="alarms">${alarms.map((alarm) => html`<${Alarm} key=${alarm.payment} alarm=${alarm} />`)}</ul><//>`;
}
