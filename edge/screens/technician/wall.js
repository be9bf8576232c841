// The wall: trouble first, then what works, then what was found; the machines at the side.
import { html, Icon, Notice, State } from "../kit/parts.js";
import { deviceLanguage, theme, THEMES } from "../kit/choices.js";
import { signOut } from "./access.js";
import { AdoptSheet, ReplaceSheet } from "./adopt_sheet.js";
import { BoxSheet, BoxStrip } from "./box_health.js";
import { DeviceCard, FoundCard } from "./card.js";
import { DaySheet } from "./day_sheet.js";
import { BindSheet, DeviceSheet, DrawerSheet, ReleaseSheet } from "./device_sheet.js";
import { RecordingSheet } from "./recording_sheet.js";
import { kitSays, language, LANGUAGES, say, talk } from "./technician_words.js";
import * as store from "./store.js";

function Top() {
  const session = store.session.value;
  const speak = (/** @type {Event} */ event) => {
    const chosen = /** @type {import("./technician_words.js").Language} */ (/** @type {HTMLSelectElement} */ (event.target).value);
    deviceLanguage.value = chosen;
    void talk(chosen);
  };
  const turn = () => (theme.value = THEMES[(THEMES.indexOf(/** @type {"system" | "light" | "dark"} */ (theme.value)) + 1) % THEMES.length] ?? "system");
  return html`<header class="top"><img class="mark" src="/kit/mark.svg" alt="" /><div class="top__where"><b class="cut"><bdi>${session?.store_name || "Tillbox"}</bdi></b><span class="cut"><bdi>${session?.person?.name ?? ""}</bdi></span></div>
    <div class="top__signs"><label class="pick"><span class="said">${kitSays("language")}</span><select class="key" value=${language()} onChange=${speak}>${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select></label>
    <button type="button" class="key" onClick=${turn} aria-label=${say("theme_now", { theme: say(`theme_${/** @type {"system" | "light" | "dark"} */ (theme.value)}`) })}><span class="wide">${say(`theme_${/** @type {"system" | "light" | "dark"} */ (theme.value)}`)}</span><${Icon} name="screen" /></button>
    <button type="button" class="key" onClick=${signOut} aria-label=${kitSays("sign_out")}><${Icon} name="out" turns /></button></div></header>`;
}

function Line() {
  const wall = store.view.value;
  if (!store.live.value) return html`<${Notice} tone="lost" icon="lost"><span class="grow"><b>${say("box_away")}</b> ${say("box_away_words")}</span><//>`;
  if (wall && !wall.bus) return html`<${Notice} tone="lost" icon="lost"><span class="grow"><b>${say("bus_away")}</b> ${say("bus_away_words")}</span><//>`;
  const said = store.message.value;
  if (said) return html`<${Notice} tone=${said.tone} icon=${said.tone === "well" ? "check" : said.tone === "wait" ? "wait" : "person"}><span class="grow"><bdi>${said.words}</bdi></span><//>`;
  const { length } = store.devices.value;
  const n = store.troubles.value;
  if (n) return html`<${Notice} tone="person" icon="person"><span class="grow">${say("trouble_n", { n })}</span><//>`;
  return html`<${Notice} tone="" icon="check"><span class="grow">${length ? say("all_work", { n: length }) : say("none_yet")}</span><//>`;
}

function Machines() {
  const hosts = store.view.value?.hosts ?? [];
  return html`<aside class="side"><section class="paper"><h2><${Icon} name="box" />${say("machines")}</h2>
    ${hosts.length === 0 && html`<p class="quiet">${say("no_machines")}</p>`}
    <ul class="hosts">${hosts.map((host) => {
      const open = () => (store.sheet.value = { kind: "adopt", host: host.name, found: null });
      return html`<li key=${host.name}><div class="row"><b class="grow cut"><bdi>${host.name}</bdi></b><${State} tone=${host.online ? "well" : "lost"}>${host.online ? say("state_well") : say("state_lost")}<//></div>
        <p class="hint">${host.online ? say("drivers_n", { n: host.drivers.length }) : say("host_gone_next")}${host.version && html` · <bdi>${host.version}</bdi>`}</p>
        <button type="button" class="key" aria-disabled=${host.drivers.length ? undefined : "true"} onClick=${() => host.drivers.length && open()}><${Icon} name="plus" />${say("adopt_by_address")}</button></li>`;
    })}</ul></section></aside>`;
}

function Filter() {
  const all = store.devices.value.length + store.found.value.length;
  const keys = /** @type {const} */ ([["all", all], ["trouble", store.troubles.value], ["found", store.found.value.length]]);
  return html`<div class="twin" role="group" aria-label=${say("show")}>${keys.map(([name, n]) => html`<button type="button" key=${name} aria-pressed=${store.shown.value === name} onClick=${() => (store.shown.value = name)}>${say(`show_${name}`, { n })}</button>`)}</div>`;
}

function Cards() {
  const shown = store.shown.value;
  const devices = shown === "found" ? [] : store.devices.value.filter((device) => shown === "all" || store.wantsSomebody(device));
  const found = shown === "trouble" ? [] : store.found.value;
  if (devices.length + found.length === 0) {
    return html`<div class="empty paper"><${Icon} name=${shown === "trouble" ? "well" : "found"} size="l" /><h2>${shown === "trouble" ? say("no_trouble") : shown === "found" ? say("nothing_found") : say("none_yet")}</h2><p>${shown === "trouble" ? say("no_trouble_words") : say("nothing_found_words")}</p></div>`;
  }
  return html`<ul class="wall">${devices.map((device) => html`<${DeviceCard} key=${device.id} device=${device} />`)}${found.map((each) => html`<${FoundCard} key=${`${each.host} ${each.device.address}`} host=${each.host} found=${each.device} />`)}</ul>`;
}

function OpenSheet() {
  const sheet = store.sheet.value;
  switch (sheet?.kind) {
    case "adopt":
      return html`<${AdoptSheet} key=${sheet.found?.address ?? "by-address"} host=${sheet.host} found=${sheet.found} />`;
    case "replace":
      return html`<${ReplaceSheet} key=${`replace ${sheet.id}`} id=${sheet.id} />`;
    case "bind":
      return html`<${BindSheet} key=${`bind ${sheet.id}`} id=${sheet.id} />`;
    case "release":
      return html`<${ReleaseSheet} key=${`release ${sheet.id}`} id=${sheet.id} />`;
    case "drawer":
      return html`<${DrawerSheet} key=${`drawer ${sheet.id}`} id=${sheet.id} />`;
    case "day":
      return html`<${DaySheet} key=${`day ${sheet.id}`} id=${sheet.id} />`;
    case "recording":
      return html`<${RecordingSheet} key=${`recording ${sheet.id}`} id=${sheet.id} body=${sheet.body} />`;
    case "box":
      return html`<${BoxSheet} key="box" />`;
    case "device":
      return html`<${DeviceSheet} key=${sheet.id} id=${sheet.id} />`;
    default:
      return null;
  }
}

export function Wall() {
  const opening = store.view.value === null;
  return html`<${Top} /><${BoxStrip} /><main class="page"><section><div class="bar"><h1>${say("wall")}</h1><${Filter} /></div><${Line} />
    ${opening ? html`<div class="wall" aria-busy="true"><span class="bone"></span><span class="bone"></span><span class="bone"></span></div>` : html`<${Cards} />`}</section><${Machines} /></main><${OpenSheet} />`;
}
