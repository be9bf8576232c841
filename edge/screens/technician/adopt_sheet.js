// Adopting a device, or putting another one in its place: driver, address, till and roles in a few taps.
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { newId } from "../kit/ids.js";
import { html, Icon } from "../kit/parts.js";
import { deviceName, iconOf, kindName, tillName } from "./device_words.js";
import { Choice, Fault, MoreSettings, Roles, Text, Tills } from "./fields.js";
import { Sheet } from "./sheet.js";
import { say } from "./technician_words.js";
import { adopt, replace } from "./wishes.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").OfferView} OfferView */
/** @typedef {import("./protocol").FoundDevice} FoundDevice */
const SHARED = ["scanner"];

/** Drivers for people: those that reach the device first, the likely one before them. @param {readonly OfferView[]} offers @param {FoundDevice | null} found */
function inOrder(offers, found) {
  const rank = (/** @type {OfferView} */ each) => (each.offer.name === found?.driver ? 0 : found?.drivers?.includes(each.offer.name) ? 1 : 2);
  const fit = found?.drivers?.length ? offers.filter((each) => rank(each) < 2) : offers;
  return [...fit].sort((a, b) => rank(a) - rank(b));
}

/** Roles that a till still has nobody for. @param {readonly string[]} roles @param {string} till @param {string} [but] */
export function freeRoles(roles, till, but = "") {
  const taken = (store.view.value?.devices ?? []).filter((device) => device.till === till && device.id !== but).flatMap((device) => device.roles);
  return roles.filter((role) => SHARED.includes(role) || !taken.includes(role));
}

/** The till that lacks most, so that the likely choice is made already. @param {readonly string[]} tills @param {readonly string[]} roles */
const likelyTill = (tills, roles) => tills.find((till) => freeRoles(roles, till).length === roles.length) ?? tills[0] ?? "";

/** @param {OfferView} each */
const driverWords = (each) => `${kindName(each.offer.device_class)}: ${each.offer.name}`;

/** @param {{host: string, found: FoundDevice | null}} props */
export function AdoptSheet({ host, found }) {
  const wall = store.view.value;
  const offers = inOrder(store.hostOf(host)?.drivers ?? [], found);
  const id = useMemo(newId, []);
  const driver = useSignal(offers[0]?.offer.name ?? "");
  const chosen = offers.find((each) => each.offer.name === driver.value);
  const can = chosen?.roles ?? [];
  const tills = wall?.tills ?? [];
  const till = useSignal(likelyTill(tills, can));
  const roles = useSignal(/** @type {string[] | null} */ (null)); // null: what the till has nobody for
  const address = useSignal(found?.address ?? "");
  const name = useSignal("");
  const settings = useSignal(/** @type {Record<string, unknown>} */ ({}));
  const fault = useSignal("");
  const asking = useSignal(false);
  const serves = (roles.value ?? freeRoles(can, till.value)).filter((role) => can.includes(role));
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (asking.value) return;
    if (!address.value.trim() || serves.length === 0) {
      fault.value = address.value.trim() ? say("choose_role") : say("type_address");
      return;
    }
    asking.value = true;
    const called = name.value.trim() || say("of_till", { kind: kindName(serves[0] ?? ""), till: tillName(till.value) });
    const wish = { host, driver: driver.value, till: till.value, roles: serves, name: name.value.trim(), settings: { ...settings.value, address: address.value.trim() } };
    fault.value = await adopt(wish, called, id);
    asking.value = false;
  };
  const title = found ? say("adopt_title", { device: found.description }) : say("adopt_by_address");
  if (offers.length === 0) return html`<${Sheet} title=${title}><div class="sheet__body"><p>${say("no_drivers", { host })}</p></div><//>`;
  const change = (/** @type {string} */ value) => {
    driver.value = value;
    settings.value = {};
    roles.value = null;
  };
  return html`<${Sheet} title=${title}><form onSubmit=${go}><div class="sheet__body">
      ${found && html`<p class="quiet row"><${Icon} name=${iconOf(chosen?.offer.device_class ?? "")} /><span><bdi>${[found.usb, found.serial_number].filter(Boolean).join(" · ")}</bdi></span></p>`}
      <${Choice} name="driver" label=${say("driver")} value=${driver.value} options=${offers.map((each) => ({ value: each.offer.name, words: driverWords(each) }))} change=${change} />
      <${Text} name="address" label=${say("address")} value=${address.value} ltr first=${!found} hint=${found ? "" : say("address_hint")} change=${(/** @type {string} */ text) => (address.value = text)} />
      <${Tills} tills=${tills} value=${till.value} change=${(/** @type {string} */ value) => ((till.value = value), (roles.value = null))} />
      <${Roles} roles=${can} value=${serves} change=${(/** @type {string[]} */ value) => (roles.value = value)} />
      <${Text} name="name" label=${say("name")} value=${name.value} chars=${60} hint=${say("name_hint")} change=${(/** @type {string} */ text) => (name.value = text)} />
      <${MoreSettings} offers=${(chosen?.offer.settings ?? []).filter((each) => each.name !== "address" && each.kind !== "other")} settings=${settings} />
      <${Fault} words=${fault.value} /></div>
    <div class="sheet__foot"><button class="key key--primary" aria-disabled=${asking.value ? "true" : undefined}><${Icon} name="plus" />${say("adopt")}</button></div></form><//>`;
}

/** @param {{id: string}} props */
export function ReplaceSheet({ id }) {
  const device = store.deviceOf(id);
  const wishId = useMemo(newId, []);
  const host = useSignal(device?.host ?? "");
  const fits = (store.hostOf(host.value)?.drivers ?? []).filter((each) => device?.roles.every((role) => each.roles.includes(role)));
  const driver = useSignal(device?.driver ?? "");
  const chosen = fits.find((each) => each.offer.name === driver.value) ?? fits[0];
  const address = useSignal("");
  const settings = useSignal(/** @type {Record<string, unknown>} */ (kept(device)));
  const fault = useSignal("");
  const asking = useSignal(false);
  if (!device) return null;
  const candidates = store.found.value.filter((each) => !each.device.drivers?.length || (store.hostOf(each.host)?.drivers ?? []).some((offer) => each.device.drivers?.includes(offer.offer.name) && device.roles.every((role) => offer.roles.includes(role))));
  const take = (/** @type {{host: string, device: FoundDevice}} */ each) => {
    host.value = each.host;
    address.value = each.device.address;
    const able = (store.hostOf(each.host)?.drivers ?? []).filter((offer) => device.roles.every((role) => offer.roles.includes(role)));
    const next = inOrder(able, each.device)[0]?.offer.name ?? driver.value;
    if (next !== driver.value) settings.value = {};
    driver.value = next;
  };
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (asking.value) return;
    if (!address.value.trim() || !chosen) {
      fault.value = chosen ? say("type_address") : say("no_drivers", { host: host.value });
      return;
    }
    asking.value = true;
    fault.value = await replace(device, { host: host.value, driver: chosen.offer.name, settings: { ...settings.value, address: address.value.trim() } }, wishId);
    asking.value = false;
  };
  return html`<${Sheet} title=${say("replace_title", { device: deviceName(device) })}><form onSubmit=${go}><div class="sheet__body">
      <p>${say("replace_words")}</p>
      ${candidates.length > 0 && html`<div class="field"><span class="label" id="f-found">${say("replace_found")}</span><div class="picks" role="group" aria-labelledby="f-found">${candidates.map(
        (each) => html`<button type="button" class="key" key=${`${each.host} ${each.device.address}`} aria-pressed=${address.value === each.device.address} onClick=${() => take(each)}><${Icon} name="found" /><span><bdi>${each.device.description}</bdi><small><bdi>${each.device.address}</bdi></small></span></button>`,
      )}</div></div>`}
      <${Choice} name="driver" label=${say("driver")} value=${chosen?.offer.name ?? ""} options=${fits.map((each) => ({ value: each.offer.name, words: driverWords(each) }))} change=${(/** @type {string} */ value) => ((driver.value = value), (settings.value = {}))} />
      <${Text} name="address" label=${say("address")} value=${address.value} ltr hint=${say("address_was", { address: device.address })} change=${(/** @type {string} */ text) => (address.value = text)} />
      <${MoreSettings} offers=${(chosen?.offer.settings ?? []).filter((each) => each.name !== "address" && each.kind !== "other")} settings=${settings} />
      <${Fault} words=${fault.value} /></div>
    <div class="sheet__foot"><button class="key key--primary" aria-disabled=${asking.value ? "true" : undefined}>${say("replace")}</button></div></form><//>`;
}

/** How the old one was set up: the new one of the same kind is so too. @param {import("./store").WallDevice | null} device */
function kept(device) {
  const { address: _, ...rest } = device?.settings ?? {};
  return rest;
}
