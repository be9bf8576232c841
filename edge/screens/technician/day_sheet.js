// The end of a terminal's day: asked for by a press, shown beside the ledger, settled by a person where nobody else can.
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { newId } from "../kit/ids.js";
import { decimals, money } from "../kit/numbers.js";
import { html, Icon, Money, Notice } from "../kit/parts.js";
import { when } from "./card.js";
import { dayWords } from "./day_words.js";
import { deviceName } from "./device_words.js";
import { Fault, Text } from "./fields.js";
import { whole } from "./figures.js";
import { Sheet } from "./sheet.js";
import { say } from "./technician_words.js";
import { endDay, settleDay } from "./wishes.js";
import * as store from "./store.js";

/** @typedef {import("./store").WallDevice} WallDevice */
/** @typedef {import("./protocol").TerminalDayView} Day */
/** @typedef {"closed" | "not_closed" | "unknown"} Outcome */
const OUTCOMES = /** @type {readonly Outcome[]} */ (["closed", "not_closed", "unknown"]);
const MINOR_MAX = 999_999_999_999;
const EXAMPLE_MINOR = 123_450;

/** A sum as people type it, in minor units; null for one that is none. @param {string} text @param {string} currency */
export function typedSum(text, currency) {
  const plain = text.trim().replace(/[\u0660-\u0669]/g, (digit) => String(digit.charCodeAt(0) - 0x660)).replace(/[,\u066B]/, ".");
  const places = decimals(currency);
  const found = /^(\d{1,12})(?:\.(\d+))?$/.exec(plain);
  if (!found || (found[2] ?? "").length > places) return null;
  const minor = Number(found[1]) * 10 ** places + Number((found[2] ?? "").padEnd(places, "0"));
  return minor <= MINOR_MAX ? minor : null;
}

/** @param {string} scheme */
const cardName = (scheme) => (scheme === "other" ? say("day_other_cards") : scheme || say("day_no_name"));

/** Both sums, by kind of card and in all. @param {{day: Day}} props */
export function DaySums({ day }) {
  if (day.outcome !== "closed") return null;
  const { currency } = day;
  const row = (/** @type {string} */ name, /** @type {boolean} */ told, /** @type {number} */ terminal, /** @type {number} */ count, /** @type {number} */ ledger, /** @type {number} */ inLedger) => {
    const differs = told && terminal !== Math.abs(ledger);
    const sum = (/** @type {number} */ minor, /** @type {number} */ n) => html`<${Money} minor=${minor} currency=${currency} />${n > 0 && html`<small>${`\u00d7\u00a0${whole(n)}`}</small>`}`;
    return html`<tr key=${name} class=${differs ? "differs" : ""}><th scope="row"><bdi>${name}</bdi></th><td class="num">${told ? sum(terminal, count) : html`<small>${say("day_not_told")}</small>`}</td><td class="num">${sum(ledger, inLedger)}</td>
      <td class="num">${told && html`<${Money} minor=${Math.abs(terminal - Math.abs(ledger))} currency=${currency} minus=${terminal < Math.abs(ledger)} />`}</td></tr>`;
  };
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${say("day_by_card")}><table class="table sums"><thead><tr><th scope="col">${say("day_card")}</th><th scope="col" class="num">${say("day_terminal")}</th><th scope="col" class="num">${say("day_ledger")}</th><th scope="col" class="num">${say("day_difference")}</th></tr></thead>
    <tbody>${day.schemes.map((each) => row(cardName(each.scheme), each.told ?? false, each.amount_minor ?? 0, each.count ?? 0, each.ledger_minor ?? 0, each.ledger_count ?? 0))}</tbody>
    <tfoot>${row(say("day_total"), day.told, day.amount_minor, 0, day.ledger_minor, 0)}</tfoot></table></div>`;
}

/** How the day is. @param {{device: WallDevice, day: Day}} props */
function Told({ device, day }) {
  const { words, next, own } = dayWords(day);
  const tone = day.state === "asked" ? "wait" : store.dayTroubles(device) ? "person" : "well";
  return html`<${Notice} tone=${tone} icon=${tone === "well" ? "check" : tone}><span class="grow"><b>${words}</b></span><//>
    ${next && html`<p class="todo"><${Icon} name="chevron" size="s" turns /><span>${next}</span></p>`}
    ${own && html`<p class="hint"><bdi>${own}</bdi></p>`}
    ${day.state === "" && html`<p class="quiet">${say("day_last")}: <bdi>${when(day.at)}</bdi></p>`}
    ${day.inferred && html`<p class="hint">${say("day_inferred")}</p>`}
    ${day.state === "" && html`<${DaySums} day=${day} />`}`;
}

/** @param {{id: string}} props */
export function DaySheet({ id }) {
  const device = store.deviceOf(id);
  const wishId = useSignal(useMemo(newId, []));
  const fault = useSignal("");
  const asking = useSignal(false);
  const done = useSignal(false);
  if (!device) return html`<${Sheet} title=${id}><div class="sheet__body"><p>${say("gone_from_wall")}</p></div><//>`;
  const { day } = device;
  const go = async () => {
    if (asking.value) return;
    asking.value = true;
    fault.value = await endDay(device, wishId.value);
    asking.value = false;
    if (fault.value) return; // the same wish again, so that it is asked for once
    wishId.value = newId();
    done.value = true;
  };
  const under = day?.state ?? "";
  const again = day !== null && day.code === "day_not_closed";
  const ready = device.ends_day && !under && (!done.value || again);
  return html`<${Sheet} title=${say("end_day_title", { device: deviceName(device) })}><div class="sheet__body">
      ${!under && !done.value && html`<p>${say("end_day_words")}</p>`}
      ${asking.value && !under && html`<${Notice} tone="wait" icon="wait"><span class="grow"><b>${say("day_asked")}</b></span><//>`}
      ${day ? html`<${Told} device=${device} day=${day} />` : html`<p class="quiet">${say("day_last")}: ${say("day_none")}</p>`}
      <${Fault} words=${fault.value} />
      ${under === "in_doubt" && day && html`<${Settle} device=${device} day=${day} />`}</div>
    ${ready && html`<div class="sheet__foot"><button type="button" class="key key--primary" aria-disabled=${asking.value ? "true" : undefined} onClick=${go}><${Icon} name="check" />${say(again ? "end_day_again" : "end_day_do")}</button></div>`}<//>`;
}

/** What a person saw, where the terminal cannot tell. @param {{device: WallDevice, day: Day}} props */
function Settle({ device, day }) {
  const wishId = useMemo(newId, []);
  const outcome = useSignal(/** @type {Outcome | ""} */ (""));
  const amount = useSignal("");
  const reason = useSignal("");
  const fault = useSignal("");
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const minor = amount.value.trim() && outcome.value === "closed" ? typedSum(amount.value, day.currency) : undefined;
    if (!outcome.value) fault.value = say("settle_choose");
    else if (minor === null) fault.value = say("settle_amount_wrong", { example: money(EXAMPLE_MINOR, day.currency).replace(/[^\d.,]/g, "") });
    else if (!reason.value.trim()) fault.value = say("refusal_reason_needed");
    else fault.value = await settleDay(device, { outcome: outcome.value, reason: reason.value.trim(), ...(minor === undefined ? {} : { amount_minor: minor }) }, wishId);
  };
  return html`<form class="settle" onSubmit=${go}><div class="field"><span class="label" id="f-outcome">${say("settle")}</span><div class="chips" role="group" aria-labelledby="f-outcome">${OUTCOMES.map(
      (each) => html`<button type="button" class="key" key=${each} aria-pressed=${outcome.value === each} onClick=${() => (outcome.value = each)}>${say(`settle_${each}`)}</button>`,
    )}</div></div>
    ${outcome.value === "closed" && html`<${Text} name="amount" label=${say("settle_amount")} value=${amount.value} ltr chars=${16} hint=${say("settle_amount_hint")} change=${(/** @type {string} */ text) => (amount.value = text)} />`}
    <${Text} name="reason" label=${say("settle_reason")} value=${reason.value} chars=${200} change=${(/** @type {string} */ text) => (reason.value = text)} />
    <${Fault} words=${fault.value} />
    <button class="key key--primary">${say("settle_do")}</button></form>`;
}
