// Fields of the sheets: a driver's settings as its host describes them, tills and roles as keys.
import { html, Icon } from "../kit/parts.js";
import { kindName, tillName } from "./device_words.js";
import { say } from "./technician_words.js";

/** @typedef {import("./protocol").SettingOffer} SettingOffer */
/** @typedef {import("@preact/signals").Signal<Record<string, unknown>>} Settings */

/** @param {{words: string}} props */
export function Fault({ words }) {
  return html`<p class="field__fault" role="alert">${words && html`<${Icon} name="person" size="s" />${words}`}</p>`;
}

/** @param {{name: string, label: string, value: string, change: (text: string) => void, first?: boolean, ltr?: boolean, chars?: number | undefined, hint?: string}} props */
export function Text({ name, label, value, change, first = false, ltr = false, chars, hint }) {
  return html`<div class="field"><label for=${`f-${name}`}>${label}</label><input id=${`f-${name}`} autocomplete="off" spellcheck=${false} autofocus=${first} dir=${ltr ? "ltr" : "auto"} maxlength=${chars} value=${value}
    onInput=${(/** @type {InputEvent} */ event) => change(/** @type {HTMLInputElement} */ (event.target).value)} />${hint && html`<p class="hint">${hint}</p>`}</div>`;
}

/** @param {{name: string, label: string, value: string, options: readonly {value: string, words: string}[], change: (value: string) => void}} props */
export function Choice({ name, label, value, options, change }) {
  return html`<div class="field"><label for=${`f-${name}`}>${label}</label><select id=${`f-${name}`} class="input" value=${value} onChange=${(/** @type {Event} */ event) => change(/** @type {HTMLSelectElement} */ (event.target).value)}>
    ${options.map((each) => html`<option key=${each.value} value=${each.value}>${each.words}</option>`)}</select></div>`;
}

/** @param {{tills: readonly string[], value: string, change: (till: string) => void}} props */
export function Tills({ tills, value, change }) {
  return html`<div class="field"><span class="label" id="f-till">${say("for_till")}</span><div class="chips" role="group" aria-labelledby="f-till">${tills.map(
    (each) => html`<button type="button" class="key" key=${each} aria-pressed=${each === value} onClick=${() => change(each)}>${tillName(each)}</button>`,
  )}</div></div>`;
}

/** @param {{roles: readonly string[], value: readonly string[], change: (roles: string[]) => void}} props */
export function Roles({ roles, value, change }) {
  const toggle = (/** @type {string} */ role) => change(value.includes(role) ? value.filter((each) => each !== role) : [...value, role]);
  return html`<div class="field"><span class="label" id="f-roles">${say("serves_as")}</span><div class="chips" role="group" aria-labelledby="f-roles">${roles.map(
    (each) => html`<button type="button" class="key" key=${each} aria-pressed=${value.includes(each)} onClick=${() => toggle(each)}>${kindName(each)}</button>`,
  )}</div></div>`;
}

/** What a field's text means to the driver. @param {SettingOffer} offer @param {string} text */
function meant(offer, text) {
  if (offer.kind === "choice") return offer.choices?.find((each) => String(each) === text) ?? text;
  if (offer.kind === "number") return /^-?\d+$/.test(text.trim()) ? Number(text) : text;
  return text;
}

/** Settings beside the address: one field each, with what holds when it is left alone. @param {{offers: readonly SettingOffer[], settings: Settings}} props */
export function MoreSettings({ offers, settings }) {
  if (offers.length === 0) return null;
  const set = (/** @type {SettingOffer} */ offer, /** @type {unknown} */ value) => {
    const next = { ...settings.value };
    if (value === offer.default || value === "") delete next[offer.name];
    else next[offer.name] = value;
    settings.value = next;
  };
  return html`<details class="more"><summary class="key key--quiet">${say("more_settings", { n: offers.length })}</summary><div class="more__body">${offers.map((offer) => {
    const now = settings.value[offer.name] ?? offer.default ?? "";
    if (offer.kind === "yes_no") {
      return html`<button type="button" class="switch" key=${offer.name} role="switch" aria-checked=${now === true ? "true" : "false"} onClick=${() => set(offer, now !== true)}><bdi>${offer.name}</bdi></button>`;
    }
    if (offer.kind === "choice") {
      const options = (offer.choices ?? []).map((each) => ({ value: String(each), words: String(each) || "–" }));
      return html`<${Choice} key=${offer.name} name=${offer.name} label=${offer.name} value=${String(now)} options=${options} change=${(/** @type {string} */ text) => set(offer, meant(offer, text))} />`;
    }
    const bounds = offer.low !== undefined && offer.high !== undefined ? `${offer.low}–${offer.high}` : "";
    return html`<${Text} key=${offer.name} name=${offer.name} label=${offer.name} value=${String(now)} ltr chars=${offer.chars_max} hint=${bounds} change=${(/** @type {string} */ text) => set(offer, meant(offer, text))} />`;
  })}</div></details>`;
}
