// The box itself: its parts in a strip, all of them with a next step in a sheet, and the support bundle.
import { useSignal } from "@preact/signals";
import { html, Icon, State } from "../kit/parts.js";
import { when } from "./card.js";
import { Fault } from "./fields.js";
import { celsius, mebibytes, seconds, span } from "./figures.js";
import { Sheet } from "./sheet.js";
import { isWord, say } from "./technician_words.js";
import { saveBundle } from "./wishes.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").BoxPart} BoxPart */
const ALWAYS = new Set(["disk", "clock", "temperature", "hosts", "bus", "link"]);
/** Of these the box's own words know more than a catalogue: why a line is refused, which file cannot be written. */
const SAY_MORE = new Set(["link", "ledger", "cards", "terminal_days", "tse"]);
const TONES = /** @type {const} */ ({ well: "well", watch: "wait", person: "person" });

/** @param {BoxPart} part @returns {Record<string, string | number>} */
function figures({ params }) {
  const given = { ...params };
  if ("mib" in params) given["free"] = mebibytes(Number(params["mib"]));
  if ("celsius" in params) given["celsius"] = celsius(Number(params["celsius"]));
  if ("seconds" in params) given["seconds"] = seconds(Number(params["seconds"]));
  if ("at" in params) given["at"] = when(Number(params["at"]));
  return given;
}

/** @param {BoxPart} part */
export function partWords(part) {
  const { code } = part;
  const name = `part_${part.name}`;
  const next = `${code}_next`;
  return {
    name: isWord(name) ? say(name) : part.name,
    words: isWord(code) ? say(code, figures(part)) : part.words,
    next: isWord(next) ? say(next) : part.advice,
    own: part.state !== "well" && SAY_MORE.has(part.name) ? [part.words, part.advice].filter(Boolean).join(" ") : "",
  };
}

/** @param {{part: BoxPart}} props */
function Cell({ part }) {
  const { name, words, next } = partWords(part);
  return html`<div class=${`health--${part.state}`} data-part=${part.name}><dt><${Icon} name=${TONES[part.state]} size="s" />${name}</dt><dd><bdi>${words}</bdi>${part.state !== "well" && html`<small>${next}</small>`}</dd></div>`;
}

/** What a technician looks at first; what is not well is always among it. */
export function BoxStrip() {
  const box = store.view.value?.box;
  if (!box) return null;
  const parts = box.parts.filter((part) => ALWAYS.has(part.name) || part.state !== "well");
  const open = () => (store.sheet.value = { kind: "box" });
  return html`<div class="strip"><dl class="health" aria-label=${say("box")}>${parts.map((part) => html`<${Cell} key=${part.name} part=${part} />`)}</dl>
    <button type="button" class="key" onClick=${open}><${Icon} name="box" />${say("box_all")}</button></div>`;
}

export function BoxSheet() {
  const fault = useSignal("");
  const making = useSignal(false);
  const box = store.view.value?.box;
  if (!box) return null;
  const make = async () => {
    if (making.value) return;
    making.value = true;
    fault.value = await saveBundle();
    making.value = false;
  };
  const worst = box.parts.every((part) => part.state === "well");
  /** @type {[string, string][]} */
  const facts = [[say("version"), box.version], [say("running_for"), span(box.up_s)], [say("machine_up"), box.machine_up_s < 0 ? "" : span(box.machine_up_s)], [say("system"), box.system], ["Python", box.python], ["SQLite", box.sqlite]];
  return html`<${Sheet} title=${say("box")}><div class="sheet__body">
      ${worst && html`<p>${say("box_well")}</p>`}
      <ul class="parts">${box.parts.map((part) => {
        const { name, words, next, own } = partWords(part);
        return html`<li key=${part.name} data-part=${part.name}><div class="row"><b class="grow">${name}</b><${State} tone=${TONES[part.state]}><bdi>${words}</bdi><//></div>
          ${part.state !== "well" && next && html`<p class="todo"><${Icon} name="chevron" size="s" turns /><span>${next}</span></p>`}${own && html`<p class="hint"><bdi lang="en">${own}</bdi></p>`}</li>`;
      })}</ul>
      <dl>${facts.filter(([, value]) => value).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>
      <p class="quiet">${say("support_words")}</p>
      <p role="status">${making.value ? say("support_making") : store.bundleName.value && say("support_made", { file: store.bundleName.value })}</p>
      <${Fault} words=${fault.value} /></div>
    <div class="sheet__foot"><button type="button" class="key key--primary" aria-disabled=${making.value ? "true" : undefined} onClick=${make}><${Icon} name="csv" />${say("support")}</button></div><//>`;
}
