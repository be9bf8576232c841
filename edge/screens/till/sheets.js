// What sheets there are: keys, connection and devices, this till's choices, a second person's approval.
import { useEffect } from "preact/hooks";
import { hand, HANDS, theme, THEMES, changedKeys, volume, VOLUMES } from "../kit/choices.js";
import { clock } from "../kit/numbers.js";
import { html, Icon, State, Wire } from "../kit/parts.js";
import { sound } from "../kit/sounds.js";
import { language, LANGUAGES, say, speak } from "../kit/words.js";
import { signOut } from "./access.js";
import { AlarmSheet } from "./alarm_sheet.js";
import { ApprovalSheet } from "./approval_sheet.js";
import { CustomerSheet } from "./customers.js";
import { EmailSheet } from "./emailing.js";
import { MoreSheet } from "./more_sheet.js";
import { PriceSheet } from "./price_sheet.js";
import { changing, keyName, keys, USUAL_KEYS } from "./keyboard.js";
import { RETURN_REASONS } from "./returns.js";
import { Sheet } from "./sheet.js";
import { tenderName } from "./tender_words.js";
import { TipSheet } from "./tip_sheet.js";
import { waysHere, WAYS } from "./tenders.js";
import { switchTraining } from "./training.js";
import { connection } from "./top_bar.js";
import { deviceKey, deviceName, deviceWords } from "./trouble_words.js";
import * as store from "./store.js";

function KeySheet() {
  const now = keys();
  const rows = /** @type {const} */ ([["search", "key_search"], ["pay", "key_pay"], ["times", "key_times"], ["void", "key_void"], ["discount", "discount"], ["price", "price"], ["note", "note"], ["drawer", "no_sale"], ["check", "price_check"], ["empties", "empties"], ["more", "more"], ["customer", "customer"], ["tip", "tip"], ["park", "key_park"], ["resume", "key_resume"], ["return", "key_return"], ["back", "key_back"], ["help", "key_help"]]);
  const fixed = /** @type {const} */ ([["↑ ↓", "key_lines"], ["+ −", "key_more_less"], ["Enter", "key_primary"]]);
  useEffect(() => () => void (changing.value = null), []);
  return html`<${Sheet} title=${say("keys_title")}><p class="quiet">${say("keys_change")}</p>
    <table class="table keys"><tbody>
      ${rows.filter(([action]) => action !== "tip" || store.session.value?.tips).map(([action, word]) => html`<tr key=${action}><td><button type="button" class="key" aria-pressed=${changing.value === action} onClick=${() => (changing.value = action)}>${changing.value === action ? say("keys_press") : keyName(now[action])}</button></td><td>${say(word)}</td></tr>`)}
      ${fixed.map(([key, word]) => html`<tr key=${word}><td><kbd>${key}</kbd></td><td>${say(word)}</td></tr>`)}
      ${waysHere().map((way) => html`<tr key=${way}><td><kbd>Alt ${WAYS.indexOf(way) + 1}</kbd></td><td>${say("key_ways")}: ${tenderName(way)}</td></tr>`)}
      <tr><td><kbd>Alt 1–${RETURN_REASONS.length}</kbd></td><td>${say("key_reasons")}</td></tr>
    </tbody></table>
    ${JSON.stringify(now) !== JSON.stringify(USUAL_KEYS) && html`<button type="button" class="key" onClick=${() => (changedKeys.value = "{}")}>${say("keys_usual")}</button>`}<//>`;
}

function ConnectionSheet() {
  const { tone, broken, lead, words } = connection();
  const view = store.view.value;
  const devices = view?.devices ?? [];
  const since = view && view.link.since > 0 && tone !== "lost" ? say("link_since", { time: clock(view.link.since) }) : "";
  return html`<${Sheet} title=${say("link_title")}>
    <div class=${`notice${tone === "well" ? " notice--well" : ` notice--${tone}`}`}><${Wire} broken=${broken} /><span class="grow"><b>${lead}</b> ${since && html`<span>${since}</span> · `}${words}</span></div>
    ${devices.length === 0 && html`<p class="quiet">${say("devices_none")}</p>`}
    <ul class="devices">${devices.map((device) => {
      const trouble = device.well ? null : deviceWords(device, view);
      return html`<li key=${deviceKey(device)}><${Icon} name=${device.role === "display" ? "screen" : device.role} />
        <span class="grow"><b>${deviceName(device)}</b>${trouble && html`<span class="quiet">${trouble.lead} ${trouble.words}</span>`}${device.jobs_waiting > 0 && html`<span class="quiet">${say("waiting_prints", { n: device.jobs_waiting })}</span>`}</span>
        ${device.well && html`<${State} tone="well">${say("device_well")}<//>`}</li>`;
    })}</ul><//>`;
}

/** @param {{title: string, now: string, all: readonly string[], word: (each: string) => string, choose: (each: string) => void}} props */
function Twin({ title, now, all, word, choose }) {
  return html`<div class="choice"><span id=${`choice-${title}`}>${title}</span><div class="twin" role="group" aria-labelledby=${`choice-${title}`}>
    ${all.map((each) => html`<button type="button" key=${each} aria-pressed=${each === now} onClick=${() => choose(each)}>${word(each)}</button>`)}</div></div>`;
}

function ChoicesSheet() {
  const words = {
    system: say("theme_system"), light: say("theme_light"), dark: say("theme_dark"), right: say("hand_right"), left: say("hand_left"),
    off: say("sounds_off"), low: say("sounds_low"), middle: say("sounds_middle"), high: say("sounds_high"),
  };
  const word = (/** @type {string} */ each) => words[/** @type {keyof typeof words} */ (each)];
  const louder = (/** @type {string} */ each) => {
    volume.value = each;
    sound("added");
  };
  const free = ["idle", "done"].includes(store.view.value?.state ?? ""); // the mode is not switched within a sale
  const speaks = (/** @type {Event} */ event) => {
    store.message.value = null; // it was said in the other language
    void speak(/** @type {import("../kit/words.js").Language} */ (/** @type {HTMLSelectElement} */ (event.target).value));
  };
  return html`<${Sheet} title=${store.session.value?.cashier?.name ?? say("till_choices")}>
    <label class="choice"><span>${say("language")}</span><select class="key" value=${language()} onChange=${speaks}>${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select></label>
    <${Twin} title=${say("theme")} now=${theme.value} all=${THEMES} word=${word} choose=${(/** @type {string} */ each) => (theme.value = each)} />
    <${Twin} title=${say("hand")} now=${hand.value} all=${HANDS} word=${word} choose=${(/** @type {string} */ each) => (hand.value = each)} />
    <${Twin} title=${say("sounds")} now=${volume.value} all=${VOLUMES} word=${word} choose=${louder} />
    ${free && html`<button type="button" class="key" onClick=${switchTraining}><${Icon} name="user" />${say(store.view.value?.training ? "training_end" : "training_begin")}</button>`}
    <div class="sheet__row"><button type="button" class="key" onClick=${() => (store.sheet.value = "keys")}><${Icon} name="more" />${say("all_keys")}</button>
      <button type="button" class="key" onClick=${() => void signOut()}><${Icon} name="out" turns />${say("sign_out")}</button></div><//>`;
}

export function Sheets() {
  switch (store.sheet.value) {
    case "keys":
      return html`<${KeySheet} key="keys" />`;
    case "connection":
      return html`<${ConnectionSheet} key="connection" />`;
    case "choices":
      return html`<${ChoicesSheet} key="choices" />`;
    case "approval":
      return html`<${ApprovalSheet} key="approval" />`;
    case "more":
      return html`<${MoreSheet} key="more" />`;
    case "customer":
      return html`<${CustomerSheet} key="customer" />`;
    case "email":
      return html`<${EmailSheet} key="email" />`;
    case "tip":
      return html`<${TipSheet} key="tip" />`;
    case "price":
      return html`<${PriceSheet} key="price" />`;
    case "alarms":
      return html`<${AlarmSheet} key="alarms" />`;
    default:
      return null;
  }
}
