// One event that stands aside, opened by a person: what it says, and the three things to do about it.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { html, Icon } from "../kit/parts.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { inFull } from "./times.js";
import { wishFor } from "./wishes.js";

/** @typedef {import("./protocol").AsideView} AsideView */
/** @typedef {import("./protocol").ActDoneView} ActDoneView */

/** Of a field for an event: its longest are scrolled. */
const ROWS = 8;

/** @param {{event: AsideView, close: () => void, done: (done: ActDoneView) => void}} props */
export function AsideSheet({ event, close, done }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const data = useSignal(event.data === null ? "" : JSON.stringify(event.data, null, 2));
  const reason = useSignal("");
  const fault = useSignal("");
  const advice = useSignal("");
  const asking = useSignal(false);
  const shut = () => dialog.current?.close();
  useEffect(() => dialog.current?.showModal(), []);
  const outside = (/** @type {MouseEvent} */ pressed) => pressed.target === dialog.current && shut();
  const place = { gen: event.gen, seq: event.seq };

  /** @param {string} words @param {string} [field] */
  const stop = (words, field) => {
    [fault.value, advice.value] = [words, ""];
    if (field) document.getElementById(field)?.focus();
  };
  /** @param {"requeue" | "repair" | "leave"} what @param {Record<string, unknown>} wish */
  const send = async (what, wish) => {
    if (asking.value) return;
    asking.value = true;
    [fault.value, advice.value] = ["", ""];
    const outcome = await wishFor(`/api/v1/stores/${event.store}/quarantine/${what}`, wish);
    asking.value = false;
    if (outcome.said === "done") {
      done(outcome.answer);
      shut();
    } else if (outcome.said === "silent") stop(say("act_silent"));
    else [fault.value, advice.value] = [say("act_refused"), outcome.refusal.message];
  };
  const needsReason = () => {
    if (reason.value.trim()) return false;
    stop(say("reason_type"), "aside-reason");
    return true;
  };
  const repair = () => {
    if (needsReason()) return;
    let given;
    try {
      given = JSON.parse(data.value);
    } catch {
      stop(say("aside_data_malformed"), "aside-data");
      return;
    }
    void send("repair", { ...place, reason: reason.value.trim(), data: given });
  };
  const leave = () => void (needsReason() || send("leave", { ...place, reason: reason.value.trim() }));
  const wrong = fault.value ? "true" : undefined;
  const off = asking.value ? "true" : undefined;
  const row = (/** @type {string} */ name, /** @type {unknown} */ value) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`;
  const typed = (/** @type {import("@preact/signals").Signal<string>} */ into) => (/** @type {InputEvent} */ pressed) => (into.value = /** @type {HTMLInputElement} */ (pressed.target).value);
  return html`<dialog class="sheet sale" ref=${dialog} aria-labelledby="aside-sheet-title" onClose=${close} onClick=${outside}>
    <div class="sheet__head"><h2 id="aside-sheet-title">${say("aside_event", { seq: event.seq })}</h2><button type="button" class="key key--quiet" aria-label=${say("close")} onClick=${shut}><${Icon} name="times" /></button></div>
    <div class="sheet__body"><p class="quiet"><bdi>${store.storeName(event.store)}</bdi>${event.till && html` · ${say("till_named", { till: store.tillName(event.till) })}`}${event.actor && html` · ${say("cashier")} <bdi>${event.actor}</bdi>`}${event.at > 0 && html`<br />${inFull(event.at, store.zoneOf(event.store))}`}</p>
      <p><bdi lang="en">${event.reason}</bdi></p>
      <dl class="sums aside__says">${row(say("aside_type"), event.type ? html`<bdi dir="ltr">${event.type}</bdi>` : say(event.delivery ? "aside_delivery" : "aside_unreadable"))}
        ${event.fields.map((each) => row(each.name, html`<bdi>${each.text}</bdi>`))}
        ${event.raw && !event.delivery && row(say("aside_raw"), html`<bdi dir="ltr" class="said-so">${event.raw}</bdi>`)}</dl>
      <p class="hint">${say("aside_again_words")}</p><button type="button" class="key key--primary" aria-disabled=${off} onClick=${() => void send("requeue", { events: [place] })}><${Icon} name="refresh" size="s" />${say("aside_again")}</button>
      ${event.data !== null && html`<div class="field"><label for="aside-data">${say("aside_data")}</label><textarea id="aside-data" class="said-so" dir="ltr" rows=${ROWS} spellcheck=${false} autocapitalize="none" value=${data.value} onInput=${typed(data)} aria-invalid=${wrong} aria-describedby="aside-data-words aside-fault"></textarea><p id="aside-data-words" class="hint">${say("aside_data_words")}</p></div>`}
      <div class="field"><label for="aside-reason">${say("aside_reason")}</label><input id="aside-reason" maxlength="200" autocomplete="off" value=${reason.value} onInput=${typed(reason)} aria-invalid=${wrong} aria-describedby="aside-fault" /></div>
      <p id="aside-fault" class="field__fault" role="alert">${fault.value && html`<${Icon} name="person" size="s" />`}<span>${fault.value}${advice.value && html` <bdi lang="en">${advice.value}</bdi>`}</span></p></div>
    <div class="sheet__foot">${event.data !== null && html`<button type="button" class="key" aria-disabled=${off} onClick=${repair}><${Icon} name="pen" size="s" />${say("aside_repair")}</button>`}<button type="button" class="key key--quiet" aria-disabled=${off} onClick=${leave}>${say("aside_leave")}</button></div></dialog>`;
}
