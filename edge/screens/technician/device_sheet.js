// One device: all that is known of it, what it can be asked, and what may be changed.
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { newId } from "../kit/ids.js";
import { html, Icon } from "../kit/parts.js";
import { freeRoles } from "./adopt_sheet.js";
import { DayKey, Facts, RecordKey, TestKeys } from "./card.js";
import { DeviceLog } from "./device_log.js";
import { counts, deviceName, situation, tillName } from "./device_words.js";
import { Fault, Roles, Text, Tills } from "./fields.js";
import { whole } from "./figures.js";
import { Sheet } from "./sheet.js";
import { say } from "./technician_words.js";
import { bind, release, testDevice } from "./wishes.js";
import * as store from "./store.js";

/** @param {{id: string}} props */
export function DeviceSheet({ id }) {
  const device = store.deviceOf(id);
  if (!device) return html`<${Sheet} title=${id}><div class="sheet__body"><p>${say("gone_from_wall")}</p></div><//>`;
  const { words, next, own } = situation(device);
  const open = (/** @type {"replace" | "bind" | "release"} */ kind) => (store.sheet.value = { kind, id });
  return html`<${Sheet} title=${deviceName(device)}><div class="sheet__body">
      <p>${words} ${next}</p>${own && html`<p class="hint"><bdi lang="en">${own}</bdi></p>`}
      <${Facts} device=${device} whole />
      ${device.statistics.length > 0 && html`<div class="scroll" tabindex="0" role="group" aria-label=${say("statistics")}><table class="table"><thead><tr><th>${say("statistics")}</th><th class="num">${say("since_start")}</th></tr></thead><tbody>${counts(device).map(
        (each) => html`<tr key=${each.name}><td><bdi>${each.name}</bdi></td><td class="num">${whole(each.count)}</td></tr>`,
      )}</tbody></table></div>`}
      <${DeviceLog} device=${device} />
      ${device.fixed && html`<p class="quiet">${say("fixed_words")}</p>`}</div>
    <div class="sheet__foot"><${TestKeys} device=${device} /><${DayKey} device=${device} /><${RecordKey} device=${device} />
      ${!device.fixed && html`<button type="button" class="key" onClick=${() => open("replace")}>${say("replace")}</button>
      <button type="button" class="key" onClick=${() => open("bind")}>${say("change")}</button>
      <button type="button" class="key key--danger" onClick=${() => open("release")}>${say("release")}</button>`}</div><//>`;
}

/** @param {{id: string}} props */
export function BindSheet({ id }) {
  const device = store.deviceOf(id);
  const wishId = useMemo(newId, []);
  const till = useSignal(device?.till ?? "");
  const roles = useSignal(/** @type {string[]} */ ([...(device?.roles ?? [])]));
  const name = useSignal(device?.name ?? "");
  const fault = useSignal("");
  if (!device) return null;
  const offered = store.hostOf(device.host)?.drivers.find((each) => each.offer.name === device.driver)?.roles ?? device.roles;
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (roles.value.length === 0) fault.value = say("choose_role");
    else fault.value = await bind(device, { till: till.value, roles: roles.value, name: name.value.trim() }, wishId);
  };
  const move = (/** @type {string} */ value) => {
    till.value = value;
    roles.value = freeRoles(roles.value.length ? roles.value : offered, value, device.id);
  };
  return html`<${Sheet} title=${say("change_title", { device: deviceName(device) })}><form onSubmit=${go}><div class="sheet__body">
      <${Text} name="name" label=${say("name")} value=${name.value} chars=${60} hint=${say("name_hint")} change=${(/** @type {string} */ text) => (name.value = text)} />
      <${Tills} tills=${store.view.value?.tills ?? []} value=${till.value} change=${move} />
      <${Roles} roles=${offered} value=${roles.value} change=${(/** @type {string[]} */ value) => (roles.value = value)} />
      <${Fault} words=${fault.value} /></div>
    <div class="sheet__foot"><button class="key key--primary"><${Icon} name="check" />${say("change_do")}</button></div></form><//>`;
}

/** @param {{id: string}} props */
export function ReleaseSheet({ id }) {
  const device = store.deviceOf(id);
  const wishId = useMemo(newId, []);
  const reason = useSignal("");
  const fault = useSignal("");
  if (!device) return null;
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    fault.value = await release(device, reason.value.trim(), wishId);
  };
  return html`<${Sheet} title=${say("release_title", { device: deviceName(device) })}><form onSubmit=${go}><div class="sheet__body">
      <p>${say("release_words")}</p>
      <${Text} name="reason" label=${say("reason_free")} value=${reason.value} chars=${200} first change=${(/** @type {string} */ text) => (reason.value = text)} />
      <${Fault} words=${fault.value} /></div>
    <div class="sheet__foot"><button class="key key--danger">${say("release")}</button><button type="button" class="key" onClick=${() => (store.sheet.value = null)}>${say("keep")}</button></div></form><//>`;
}

/** A drawer opens for a reason: it stands in the shop's books. @param {{id: string}} props */
export function DrawerSheet({ id }) {
  const device = store.deviceOf(id);
  const reason = useSignal("");
  const fault = useSignal("");
  if (!device) return null;
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!reason.value.trim()) {
      fault.value = say("refusal_reason_needed");
      return;
    }
    fault.value = await testDevice(device, "open_drawer", reason.value.trim());
    if (!fault.value) store.sheet.value = null;
  };
  return html`<${Sheet} title=${say("drawer_title", { till: tillName(device.till) })}><form onSubmit=${go}><div class="sheet__body">
      <p>${say("drawer_words")}</p>
      <${Text} name="reason" label=${say("reason")} value=${reason.value} chars=${200} first change=${(/** @type {string} */ text) => (reason.value = text)} />
      <${Fault} words=${fault.value} /></div>
    <div class="sheet__foot"><button class="key key--primary"><${Icon} name="drawer" />${say("test_open_drawer")}</button></div></form><//>`;
}
