// The desk of a card in doubt: what happened, what not to do, and the ways out of it that are honest.
import { useLayoutEffect, useRef } from "preact/hooks";
import { clock } from "../kit/numbers.js";
import { html, Icon, Money } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { TEXT_CHARS_MAX } from "./by_hand.js";
import { askNow, changeSettling, closeSettling, does, isRefund, missing, NUMBER_CHARS_MAX, openSettling, SAW, sendSettling } from "./evidence.js";
import { keyName, keys } from "./keyboard.js";
import { TroubleLine } from "./message_line.js";
import { ParkDesk } from "./park_desk.js";
import { askPark } from "./parking.js";
import { deviceWords } from "./trouble_words.js";
import * as store from "./store.js";

/** @typedef {import("./store").Settling} Settling */
/** @typedef {import("./protocol").DoubtView} DoubtView */

/** How a wish to have it taken back stands, in words. @param {DoubtView} doubt */
function reversalWords({ reversal, reversal_words: words }) {
  switch (reversal) {
    case "asked":
      return say("reversal_asked");
    case "unknown":
      return `${say("reversal_unknown")} ${words}`;
    case "declined":
      return `${say("reversal_declined")} ${words}`;
    default:
      return say("reversal_other");
  }
}

/** @param {{doubt: DoubtView, words: string}} props */
function Facts({ doubt, words }) {
  // another till's terminal was asked where the sale was taken up from there
  const terminal = store.view.value?.devices.find((device) => device.device_id === doubt.terminal);
  return html`<dl class="facts">
    ${doubt.since > 0 && html`<dt>${say("doubt_since")}</dt><dd>${clock(doubt.since)}</dd>`}
    ${words && html`<dt>${say("doubt_reason")}</dt><dd><bdi>${words}</bdi></dd>`}
    <dt>${say("doubt_asked")}</dt><dd>${doubt.asked_at ? clock(doubt.asked_at) : say("doubt_not_yet")}</dd>
    <dt>${say("doubt_answered")}</dt><dd aria-live="polite">${doubt.answered_at ? html`${clock(doubt.answered_at)} · <bdi>${doubt.words}</bdi>` : say("doubt_not_yet")}</dd>
    ${doubt.reversal && html`<dt>${say("reverse_short")}</dt><dd aria-live="polite"><bdi>${reversalWords(doubt)}</bdi></dd>`}
    ${terminal && html`<dt>${say("doubt_terminal")}</dt><dd>${terminal.well ? say("doubt_well") : html`<bdi>${deviceWords(terminal).lead}</bdi>`}</dd>`}</dl>`;
}

/** @param {{name: string, now: string, choices: [string, string][], choose: (value: string) => void}} props */
function Either({ name, now, choices, choose }) {
  return html`<div class="field"><span class="label" id=${`either-${name}`}>${name}</span><div class="twin twin--wide" role="group" aria-labelledby=${`either-${name}`}>
    ${choices.map(([value, words]) => html`<button type="button" key=${value} aria-pressed=${value === now} onClick=${() => choose(value)}>${words}</button>`)}</div></div>`;
}

/** @param {{id: keyof Settling & string, name: string, value: string, amount?: boolean}} props */
function Field({ id, name, value, amount = false }) {
  const typed = (/** @type {InputEvent} */ event) => changeSettling({ [id]: /** @type {HTMLInputElement} */ (event.target).value });
  return html`<div class="field"><label for=${`settle-${id}`}>${name}</label>
    <input id=${`settle-${id}`} autocomplete="off" autocapitalize="characters" spellcheck=${false} dir="auto" inputmode=${amount ? "decimal" : undefined} maxlength=${id === "reason" ? TEXT_CHARS_MAX : NUMBER_CHARS_MAX} value=${value} onInput=${typed} /></div>`;
}

/** @param {{now: Settling}} props */
function Evidence({ now }) {
  const says = /** @type {[string, string][]} */ (isRefund() ? [["yes", say("evidence_back")], ["no", say("evidence_not_back")]] : [["yes", say("evidence_charged")], ["no", say("evidence_not_charged")]]);
  const where = (/** @type {string} */ source) => changeSettling({ source: source === "portal" ? "portal" : "slip" });
  return html`<div class="settling__either"><${Either} name=${say("evidence_says")} now=${now.approved === null ? "" : now.approved ? "yes" : "no"} choices=${says} choose=${(/** @type {string} */ each) => changeSettling({ approved: each === "yes" })} />
    <${Either} name=${say("evidence_where")} now=${now.source} choices=${[["slip", say("evidence_slip")], ["portal", say("evidence_portal")]]} choose=${where} /></div>
    ${now.approved && html`<div class="settling__numbers"><${Field} id="receipt" name=${say("evidence_receipt")} value=${now.receipt} />
      <${Field} id="amount" name=${say("evidence_amount")} value=${now.amount} amount />
      <${Field} id="trace" name=${say("evidence_trace")} value=${now.trace} /><${Field} id="terminal" name=${say("evidence_terminal")} value=${now.terminal} /></div>`}`;
}

/** @param {{now: Settling}} props */
function SettlingDesk({ now }) {
  const attach = now.kind === "attach";
  const title = say(attach ? "evidence_title" : "reverse_title");
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const before = document.activeElement;
    place.current?.focus({ preventScroll: true });
    place.current?.scrollIntoView({ block: "nearest" });
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, [now.kind]);
  const lost = store.boxLostSince.value !== null;
  const ready = !lost && !now.sent && missing(now) === "";
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    sendSettling();
  };
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2>
      <button type="button" class="key key--quiet" onClick=${closeSettling}><${Icon} name="times" />${say("close")}</button></div>
    <form class="settle" tabindex="-1" ref=${place} aria-label=${title} onSubmit=${send}>
      <p class="quiet">${say(attach ? "evidence_only" : "reverse_words")}</p>
      ${attach ? html`<${Evidence} now=${now} />` : html`<${Field} id="receipt" name=${say("evidence_receipt")} value=${now.receipt} />`}
      <div class="reasons" role="group" aria-label=${say("reasons")}>${SAW.map((word) => html`<button type="button" class="key" key=${word} aria-pressed=${now.reason === say(word)} onClick=${() => changeSettling({ reason: now.reason === say(word) ? "" : say(word) })}>${say(word)}</button>`)}</div>
      <${Field} id="reason" name=${say("evidence_reason")} value=${now.reason} />
      <button type="submit" class=${`key hand__go${ready ? " key--primary" : ""}`} aria-disabled=${ready ? undefined : "true"}><bdi>${now.sent && lost ? say("waits_for_box") : does(now)}</bdi></button></form>`;
}

/** @param {{icon: string, words: string, does: string, press: (event: PointerEvent) => void, short?: string}} props */
function Step({ icon, words, does: name, press, short = "" }) {
  return html`<li class="ask__do"><${Icon} name=${icon} /><span>${words}</span><button type="button" class="key" onClick=${press}>${name}${short && html` <kbd>${short}</kbd>`}</button></li>`;
}

/** @param {{doubt: DoubtView}} props */
function Steps({ doubt }) {
  const back = isRefund();
  const terminal = store.view.value?.devices.find((device) => device.device_id === doubt.terminal);
  return html`<h2>${say("doubt_next")}</h2>
    <ul class="ask ask--steps">
      <${Step} icon="refresh" words=${say("doubt_step_ask")} does=${say("doubt_ask_now")} press=${askNow} />
      <li><${Icon} name="user" /><span>${say(back ? "doubt_back_customer" : "doubt_step_customer")}</span></li>
      <${Step} icon="park" words=${say("doubt_step_park")} does=${say("park")} press=${askPark} short=${keyName(keys().park)} />
      ${!terminal?.well && html`<li><${Icon} name="link" /><span>${say("doubt_step_cable")}</span></li>`}
      <${Step} icon="invoice" words=${say("doubt_step_attach")} does=${say("evidence_title")} press=${() => openSettling("attach")} />
      ${doubt.may_reverse && html`<${Step} icon="back" words=${say("doubt_step_reverse")} does=${say("reverse_short")} press=${() => openSettling("reverse")} />`}</ul>`;
}

/** The payment that nobody knows the end of: patience first, then evidence; never a wish. */
export function DoubtDesk() {
  const view = store.view.value;
  const doubt = view?.doubt;
  if (!view || !doubt) return null;
  const tender = view.tenders.find((each) => each.tender_id === doubt.payment);
  const back = isRefund();
  const [before, after] = say(back ? "doubt_back_title" : "doubt_title", { amount: "\u0000" }).split("\u0000");
  const parking = store.parking.value;
  const settling = store.settling.value;
  return html`<main class="desk desk--doubt" tabindex="0"><div class="paper doubt">
    <header role="alert"><${Icon} name="person" /><h1>${before}<${Money} minor=${doubt.amount_minor} currency=${store.currency.value} />${after}</h1><p class="quiet">${say(back ? "doubt_back_words" : "doubt_words")}</p></header>
    ${parking?.kind === "park" && html`<div class="doubt__park"><${ParkDesk} parking=${parking} /></div>`}
    ${settling && html`<div class="doubt__park"><${SettlingDesk} now=${settling} /></div>`}
    <${TroubleLine} />
    <${Facts} doubt=${doubt} words=${tender?.words ?? ""} />
    ${!settling && parking?.kind !== "park" && html`<${Steps} doubt=${doubt} />`}</div></main>`;
}
