// What is wrong, since when, who sees to it: pushed by head office, closed by itself or by a person.
import { useSignal } from "@preact/signals";
import { html, Icon, State } from "../kit/parts.js";
import { saveCsv, stamp } from "./csv_file.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { since } from "./times.js";
import { wishFor } from "./wishes.js";

/** @typedef {import("./protocol").AlarmCaseView} AlarmCaseView */
/** @typedef {import("./office_words.js").Word} Word */

/** What each kind of alarm is, and the next step, in the reader's language. @type {Readonly<Record<string, Word>>} */
const KINDS = Object.freeze({
  fork: "alarm_fork",
  behind: "alarm_behind",
  signature_wrong: "alarm_signature_wrong",
  frame_of_other_store: "alarm_frame_of_other_store",
  frame_of_other_generation: "alarm_frame_of_other_generation",
  feed_out_of_reach: "alarm_feed_out_of_reach",
  feed_ahead: "alarm_feed_ahead",
  feed_refused: "alarm_feed_refused",
  digest_differs: "alarm_digest_differs",
  receipt_of_lost_sale: "alarm_receipt_of_lost_sale",
  returned_more_than_sold: "alarm_returned_more_than_sold",
  mail_failed: "alarm_mail_failed",
  book_not_ready: "alarm_book_not_ready",
  quarantine: "alarm_quarantine",
  clock_off: "alarm_clock_off",
  disk_full: "alarm_disk_full",
  wrong_key: "alarm_wrong_key",
  history_mended: "alarm_history_mended",
  box_copied: "alarm_box_copied",
  box_twice: "alarm_box_twice",
  late_survivor: "alarm_late_survivor",
  survivor_salvaged: "alarm_survivor_salvaged",
});

/** @param {AlarmCaseView} alarm */
const kindWords = (alarm) => say(KINDS[alarm.kind] ?? "alarm_other");

/** @param {AlarmCaseView} alarm */
const whereOf = (alarm) => (alarm.store ? store.storeName(alarm.store) : say("office"));

/** @param {readonly AlarmCaseView[]} alarms */
function save(alarms) {
  const rows = alarms.map((each) => [each.n, each.store, each.kind, each.state, stamp(each.opened_at), stamp(each.last_at), each.count, each.acknowledged_by, each.words, each.advice]);
  saveCsv("alarms", [["alarm", "store", "kind", "state", "opened_at", "last_at", "count", "seen_by", "words", "advice"], ...rows]);
}

/** @param {{alarm: AlarmCaseView}} props */
function Row({ alarm }) {
  const fault = useSignal("");
  const closing = useSignal(false);
  const why = useSignal("");
  const asking = useSignal(false);
  const name = `alarm-${alarm.n}`;
  /** @param {"acknowledge" | "close"} what @param {string} words */
  const send = async (what, words) => {
    if (asking.value) return;
    if (what === "close" && !words.trim()) {
      fault.value = say("reason_type");
      document.getElementById(`${name}-why`)?.focus();
      return;
    }
    asking.value = true;
    fault.value = "";
    const outcome = await wishFor(`/api/v1/alarms/${alarm.n}/${what}`, { words });
    asking.value = false;
    if (outcome.said === "silent") fault.value = say("act_silent");
    else if (outcome.said === "refused") fault.value = say("refused", { code: outcome.refusal.code });
    else store.putAlarm(outcome.answer);
  };
  const seen = alarm.state === "acknowledged";
  return html`<tr><th scope="row"><bdi>${whereOf(alarm)}</bdi></th>
    <td data-label=${say("state")}><${State} tone=${seen ? "wait" : "person"}>${seen ? say("alarm_seen_by", { who: alarm.acknowledged_by }) : say("alarm_open")}<//><small>${since(alarm.last_at, store.now.value)}${alarm.count > 1 && html` · ${say("alarm_times", { n: alarm.count })}`}</small></td>
    <td class="say full"><p>${kindWords(alarm)}</p><p class="quiet"><bdi lang="en">${alarm.words}</bdi></p></td>
    <td class="full acts">${!seen && html`<button type="button" class="key" aria-disabled=${asking.value ? "true" : undefined} onClick=${() => void send("acknowledge", "")}>${say("alarm_acknowledge")}</button>`}
      ${!closing.value && html`<button type="button" class="key key--quiet" onClick=${() => (closing.value = true)}>${say("alarm_close")}</button>`}
      ${closing.value && html`<form class="acts__why" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void send("close", why.value))}><div class="field"><label for=${`${name}-why`}>${say("alarm_close_why")}</label><input id=${`${name}-why`} maxlength="200" autocomplete="off" value=${why.value} onInput=${(/** @type {InputEvent} */ event) => (why.value = /** @type {HTMLInputElement} */ (event.target).value)} aria-describedby=${`${name}-fault`} /></div>
        <button class="key" aria-disabled=${asking.value ? "true" : undefined}>${say("alarm_close")}</button></form>`}
      <p id=${`${name}-fault`} class="field__fault" role="alert">${fault.value && html`<${Icon} name="person" size="s" />`}<span>${fault.value}</span></p></td></tr>`;
}

export function Alarms() {
  const all = store.alarms.value;
  const newest = all.find((each) => each.state === "open");
  return html`<p class="said" role="status">${newest ? say("alarm_said", { shop: whereOf(newest), words: kindWords(newest) }) : ""}</p>
    ${all.length > 0 && html`<section class="shops over" aria-labelledby="alarms-title"><div class="hd"><h2 id="alarms-title">${say("alarms")}</h2><div class="twin"><button type="button" onClick=${() => save(all)}><${Icon} name="csv" size="s" />CSV</button></div>
        <p class="quiet">${say("alarms_words")}</p></div>
      <table class="table"><thead><tr><th scope="col">${say("shop")}</th><th scope="col">${say("state")}</th><th scope="col">${say("todo")}</th><th scope="col">${say("alarm_acts")}</th></tr></thead>
        <tbody>${all.map((each) => html`<${Row} key=${each.n} alarm=${each} />`)}</tbody></table></section>`}`;
}
