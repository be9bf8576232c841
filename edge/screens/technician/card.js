// Cards of the wall: a device as it is now with its next step, or something found that nobody uses.
import { html, Icon, State } from "../kit/parts.js";
import { clock, day } from "../kit/numbers.js";
import { deviceName, iconOf, kindName, situation, standing, tillName } from "./device_words.js";
import { isWord, say } from "./technician_words.js";
import { saveRecording, testDevice } from "./wishes.js";
import * as store from "./store.js";

/** @typedef {import("./store").WallDevice} WallDevice */

const GRAMS = 1000;
const SCAN_CHARS_SHOWN = 60;
const DAY_MS = 86_400_000;

/** @param {string} kind @param {string} value */
const told = (kind, value) => {
  const word = `${kind}_${value}`;
  return isWord(word) ? say(word) : value;
};

/** @param {number} at */
export const when = (at) => (Date.now() - at < DAY_MS ? clock(at) : day(at));

/** @param {{device: WallDevice, whole?: boolean}} props */
export function Facts({ device, whole = false }) {
  /** @type {[string, import("../kit/parts.js").Children][]} */
  const rows = [];
  const row = (/** @type {string} */ name, /** @type {import("../kit/parts.js").Children} */ value) => value && rows.push([name, value]);
  row(say("paper"), device.paper && told("paper", device.paper));
  row(say("cover"), device.cover && told("cover", device.cover));
  row(say("drawer"), device.drawer && told("drawer", device.drawer));
  row(say("weight"), device.weight === "stable" || device.weight === "unstable" ? `${(device.weight_g / GRAMS).toFixed(3)}\u00a0kg` : device.weight && told("weight", device.weight));
  row(say("last_scan"), device.last_scan_at ? html`<bdi>${device.last_scan.slice(0, SCAN_CHARS_SHOWN)}</bdi> · <bdi>${when(device.last_scan_at)}</bdi>` : "");
  row(say("queue"), device.jobs_waiting ? say("queue_n", { n: device.jobs_waiting }) : whole ? say("queue_empty") : "");
  row(say("day_last"), device.day?.at ? when(device.day.at) : "");
  row(say("firmware"), device.firmware);
  row(say("serial_number"), whole ? device.serial_number : "");
  if (whole) {
    row(say("for_till"), tillName(device.till));
    row(say("serves_as"), device.roles.map(kindName).join(", "));
    row(say("host"), device.host);
    row(say("driver"), device.driver);
    for (const [name, value] of Object.entries(device.settings)) row(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return html`<dl>${rows.map(([name, value]) => html`<div key=${name}><dt><bdi>${name}</bdi></dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}

/** @param {{device: WallDevice, most?: number}} props */
export function TestKeys({ device, most = 9 }) {
  const busy = store.testing.value.has(device.id);
  const press = (/** @type {import("./protocol").DeviceTest} */ test) => () => {
    if (test === "open_drawer") store.sheet.value = { kind: "drawer", id: device.id };
    else void testDevice(device, test);
  };
  return device.tests.slice(0, most).map((test) => html`<button type="button" class="key" key=${test} aria-disabled=${busy ? "true" : undefined} onClick=${press(test)}>${say(`test_${test}`)}</button>`);
}

/** Ends a terminal's day, or looks at how it ended. @param {{device: WallDevice}} props */
export function DayKey({ device }) {
  if (!device.ends_day && !device.day) return null;
  return html`<button type="button" class="key" onClick=${() => (store.sheet.value = { kind: "day", id: device.id })}>${say("end_day")}</button>`;
}

/** @param {{device: WallDevice}} props */
export function RecordKey({ device }) {
  const busy = store.testing.value.has(device.id);
  return device.records && html`<button type="button" class="key" aria-disabled=${busy ? "true" : undefined} onClick=${() => void saveRecording(device)}>${say("record")}</button>`;
}

/** @param {{device: WallDevice}} props */
export function DeviceCard({ device }) {
  const { tone, word } = standing(device);
  const { words, next, own } = situation(device);
  const name = deviceName(device);
  const place = [device.model, device.driver, device.address].filter(Boolean).join(" · ");
  const gone = tone === "lost" && !device.fixed;
  return html`<li class=${`dev paper dev--${tone}`} data-device=${device.id}>
    <header><${Icon} name=${iconOf(device.device_class)} /><div class="grow"><h3><bdi>${name}</bdi></h3><p class="hint"><bdi>${place}</bdi></p></div></header>
    <p><${State} tone=${tone}>${word}<//></p>
    <div><p>${words}</p>${next && html`<p class="todo"><${Icon} name="chevron" size="s" turns /><span>${next}</span></p>`}${own && html`<p class="hint own"><bdi lang="en">${own}</bdi></p>`}</div>
    <${Facts} device=${device} />
    <footer>${gone && html`<button type="button" class="key" onClick=${() => (store.sheet.value = { kind: "replace", id: device.id })}>${say("replace")}</button>`}
      ${device.state === "lost" ? html`<${RecordKey} device=${device} />` : html`<${TestKeys} device=${device} most=${gone || device.ends_day ? 1 : 2} />`}<${DayKey} device=${device} />
      <button type="button" class="key key--quiet" aria-label=${say("more_of", { device: name })} onClick=${() => (store.sheet.value = { kind: "device", id: device.id })}><${Icon} name="more" /></button></footer></li>`;
}

/** @param {{host: string, found: import("./store").FoundDevice}} props */
export function FoundCard({ host, found }) {
  const kind = `attached_${found.kind}`;
  return html`<li class="dev paper dev--plain" data-found=${found.address}>
    <header><${Icon} name=${iconOf(found.driver?.split("_")[0] ?? "")} /><div class="grow"><h3><bdi>${found.description}</bdi></h3><p class="hint"><bdi>${found.address}</bdi></p></div></header>
    <p><${State} tone="plain">${say("state_found")}<//></p>
    <div><p>${found.driver ? say("found_likely", { driver: found.driver }) : found.drivers?.length ? say("found_unknown") : say("found_no_driver")}</p>
      <p class="todo"><${Icon} name="chevron" size="s" turns /><span>${found.drivers?.length ? say("found_next") : say("found_no_driver_next")}</span></p></div>
    <dl>${[[say("attached"), isWord(kind) ? say(kind) : (found.kind ?? "")], [say("usb_id"), found.usb ?? ""], [say("serial_number"), found.serial_number ?? ""], [say("host"), host]].filter(([, value]) => value).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>
    <footer>${Boolean(found.drivers?.length) && html`<button type="button" class="key key--primary" onClick=${() => (store.sheet.value = { kind: "adopt", host, found })}>${say("adopt")}</button>`}</footer></li>`;
}
