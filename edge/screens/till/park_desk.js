// The desks of parking, in the quick keys' place: set this sale aside, or take one of the list up again.
import { useLayoutEffect, useRef } from "preact/hooks";
import { clock } from "../kit/numbers.js";
import { html, Icon, Money, State } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { tillName } from "./access.js";
import { TEXT_CHARS_MAX } from "./by_hand.js";
import { keyName, keys } from "./keyboard.js";
import { MessageLine } from "./message_line.js";
import { parkedName } from "./parked_news.js";
import { age, askResume, changePark, chosenParked, chooseParked, closeParking, otherTills, parkedHere, resume, sendPark } from "./parking.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").ParkedView} ParkedView */
/** @typedef {Extract<import("./store").Parking, {kind: "park"}>} Park */

/** Puts the focus where the person goes on, and back where it was. @param {string} id */
function useFocus(id) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const before = document.activeElement;
    document.getElementById(id)?.focus({ preventScroll: true });
    return () => {
      const lost = !document.activeElement || document.activeElement === document.body || place.current?.contains(document.activeElement);
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return place;
}

/** @param {{title: string}} props */
function Head({ title }) {
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2>
    <button type="button" class="key key--quiet" onClick=${closeParking}><${Icon} name="times" />${say("close")}</button></div>`;
}

/** @param {{parking: Park}} props */
export function ParkDesk({ parking }) {
  const place = useFocus(parking.touched ? "park" : "park-label");
  const lost = store.boxLostSince.value !== null;
  const tills = otherTills();
  const typed = (/** @type {InputEvent} */ event) => changePark({ label: /** @type {HTMLInputElement} */ (event.target).value });
  const does = lost && parking.sent ? say("waits_for_box") : parking.till ? say("park_do_for", { till: tillName(parking.till) }) : say("park_do");
  const to = (/** @type {string} */ till, /** @type {string} */ words) =>
    html`<button type="button" class="key" key=${till} aria-pressed=${parking.till === till} onClick=${() => changePark({ till })}>${words}</button>`;
  return html`<${Head} title=${say("park_title")} />
    <section class="hand hand--text" id="park" tabindex="-1" aria-label=${say("park_title")} ref=${place}><div class="hand__what">
        <p class="quiet hand__now">${say("park_words")}</p>
        <div class="field"><label for="park-label">${say("park_label")}</label>
          <input id="park-label" autocomplete="off" dir="auto" maxlength=${TEXT_CHARS_MAX} value=${parking.label} onInput=${typed} /></div>
        ${tills.length > 0 &&
        html`<div class="field"><span class="label" id="park-for">${say("park_for")}</span><div class="reasons" role="group" aria-labelledby="park-for">
          ${to("", say("park_for_any"))}${tills.map((till) => to(till, say("till_named", { till: tillName(till) })))}</div></div>`}</div>
      <button type="button" class=${`key hand__go${lost ? "" : " key--primary"}`} aria-disabled=${lost ? "true" : undefined} onClick=${sendPark}>
        <bdi>${does}</bdi> <kbd>${keyName(keys().park)}</kbd></button></section>`;
}

/** @param {{parked: ParkedView, on: boolean}} props */
function Parked({ parked, on }) {
  const key = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const own = store.session.value?.till;
  const cashier = store.session.value?.staff.find((each) => each.id === parked.cashier)?.name;
  useLayoutEffect(() => {
    // the arrows choose, and the focus goes along: also when another till took away the one that had it
    const here = document.activeElement === document.body || document.activeElement?.closest(".parked");
    if (on && here) key.current?.focus();
  }, [on]);
  const about = [say("till_named", { till: tillName(parked.till) }), parked.label ? cashier : "", `${age(parked.parked_at)} (${clock(parked.parked_at)})`, say("parked_lines", { n: parked.lines })].filter(Boolean);
  return html`<li><button type="button" class="key parked__key" ref=${key} tabindex=${on ? 0 : -1} aria-current=${on ? "true" : undefined} onFocus=${() => chooseParked(parked)} onClick=${() => resume(parked)}>
    <b class="parked__name"><bdi>${parkedName(parked)}</bdi></b><b><${Money} minor=${parked.total_minor} currency=${store.currency.value} /></b>
    <span class="parked__about">${about.map((each, at) => html`${at > 0 && " · "}<bdi>${each}</bdi>`)}</span>
    ${(parked.for_till || parked.state === "in_doubt") &&
    html`<span class="parked__signs">${parked.state === "in_doubt" && html`<${State} tone="person">${say("parked_doubt")}<//>`}
      ${parked.for_till && html`<span class="state state--plain"><${Icon} name="resume" size="s" />${parked.for_till === own ? say("parked_for_here") : say("parked_for_till", { till: tillName(parked.for_till) })}</span>`}</span>`}</button></li>`;
}

export function ResumeDesk() {
  const all = parkedHere.value;
  const chosen = chosenParked();
  const place = useFocus("parked-list");
  useLayoutEffect(() => {
    const first = document.querySelector(".parked__key[aria-current]");
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  }, []);
  return html`<${Head} title=${say("parked_list")} />
    <section class="parked" id="parked-list" tabindex="-1" aria-label=${say("parked_list")} ref=${place}>
      ${all.length ? html`<p class="quiet hand__now parked__how">${say("parked_choose")}</p><ul>${all.map((each) => html`<${Parked} key=${each.sale_id} parked=${each} on=${each === chosen} />`)}</ul>` : html`<p class="quiet">${say("parked_none")}</p>`}</section>`;
}

/** The list in place of the change, while a finished sale is still on the slip. */
export function ResumeOverChange() {
  return html`<main class="desk desk--aside"><${MessageLine} hint=${say("next_scan")} /><${ResumeDesk} /></main>`;
}

/** How many wait, where the till has nothing else to show: those for this till by name. */
export function ParkedSign() {
  const all = parkedHere.value;
  if (!all.length) return null;
  const ours = all.filter((each) => each.for_till === store.session.value?.till).slice(0, 3);
  return html`<div class="waits"><p class="row"><${Icon} name="resume" /><b class="grow">${say("parked_count", { n: all.length })}</b>
      <button type="button" class="key" onClick=${askResume}>${say("resume")} <kbd>${keyName(keys().resume)}</kbd></button></p>
    ${ours.length > 0 && html`<ul aria-label=${say("parked_for_here")}>${ours.map((each) => html`<li key=${each.sale_id}><span class="cut"><span class="quiet">${say("parked_for_here")} · </span><bdi>${parkedName(each)}</bdi></span><${Money} minor=${each.total_minor} currency=${store.currency.value} /></li>`)}</ul>`}</div>`;
}
