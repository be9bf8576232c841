// Before selling: make the device a till, then say who sells.
import { signal, useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { deviceLanguage } from "../kit/choices.js";
import { html, Icon, Keypad } from "../kit/parts.js";
import { isWord, language, LANGUAGES, say, speak } from "../kit/words.js";
import { enrol, signIn, tillName } from "./access.js";
import { Fault } from "./message_line.js";
import * as store from "./store.js";

const PIN_MIN = 4;
const PIN_MAX = 8;
const person = signal("");
const pin = signal("");
const fault = signal("");
const asking = signal(false);

function Languages() {
  const choose = (/** @type {Event} */ event) => {
    const chosen = /** @type {import("../kit/words.js").Language} */ (/** @type {HTMLSelectElement} */ (event.target).value);
    deviceLanguage.value = chosen;
    fault.value = ""; // it was said in the other language
    void speak(chosen);
  };
  return html`<label class="pick"><${Icon} name="globe" /><span class="said">${say("language")}</span>
    <select class="key" value=${language()} onChange=${choose}>${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select></label>`;
}

export function EnrolGate() {
  const code = useSignal("");
  const said = useSignal(store.message.value?.words ?? "");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (asking.value || !code.value.trim()) return;
    asking.value = true;
    said.value = await enrol(code.value);
    asking.value = false;
  };
  return html`<main class="gate gate--enrol"><div><h1>${say("enrol_title")}</h1><p class="quiet">${say("enrol_words")}</p><${Languages} /></div>
    <form class="paper pin" onSubmit=${submit}><div class="field"><label for="code">${say("enrol_code")}</label>
      <input id="code" class="code" autocomplete="off" autocapitalize="characters" spellcheck=${false} dir="ltr" maxlength="64" aria-describedby="code-fault" value=${code.value}
        onInput=${(/** @type {InputEvent} */ event) => (code.value = /** @type {HTMLInputElement} */ (event.target).value)} /><div id="code-fault"><${Fault} words=${said.value} /></div></div>
      <button class="key key--primary key--pay">${say("enrol_do")}</button></form></main>`;
}

/** @param {string} name */
const initials = (name) => {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? "")];
  return words.length > 1 ? `${first[0]}${[...(words.at(-1) ?? "")][0] ?? ""}` : first.slice(0, first[0] && first[0] > "\u2e80" ? 1 : 2).join("");
};

async function submitPin() {
  if (asking.value) return;
  if (!person.value || pin.value.length < PIN_MIN) {
    fault.value = person.value ? say("sign_in_pin", { n: PIN_MIN }) : say("sign_in_name");
    return;
  }
  asking.value = true;
  const typed = pin.value;
  pin.value = "";
  fault.value = await signIn(person.value, typed);
  asking.value = false;
  if (!fault.value) person.value = "";
}

/** @param {KeyboardEvent} event */
function typePin(event) {
  if (event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^\d$/.test(event.key)) press(event.key);
  else if (event.key === "Backspace") pin.value = pin.value.slice(0, -1);
  else if (event.key === "Escape") pin.value = "";
  else if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement && pin.value.length < PIN_MIN)) void submitPin();
  else return;
  event.preventDefault();
}

/** @param {string} digit */
function press(digit) {
  fault.value = "";
  if (pin.value.length < PIN_MAX) pin.value += digit;
}

function PinPad() {
  const staff = store.session.value?.staff ?? [];
  const name = staff.find((each) => each.id === person.value)?.name;
  const n = pin.value.length;
  const clear = html`<button type="button" class="key key--quiet" key="c" aria-label=${say("clear")} onClick=${() => (pin.value = "")}>C</button>`;
  const ready = n >= PIN_MIN && name && !asking.value;
  return html`<div class="paper pin"><h2 class="row"><${Icon} name="lock" /><bdi>${name ? say("pin_of", { name }) : say("pin")}</bdi></h2>
    <div class="pin__dots" role="img" aria-label=${say("pin_digits", { n })}>${Array.from({ length: Math.max(PIN_MIN, n) }, (_, place) => html`<i key=${place} class=${place < n ? "on" : ""}></i>`)}</div>
    <${Fault} words=${fault.value} />
    <${Keypad} top=${1} last=${clear} press=${press} erase=${() => (pin.value = pin.value.slice(0, -1))} name=${say("pin")} />
    <button type="button" class=${ready ? "key key--primary key--pay" : "key key--pay"} aria-disabled=${ready ? undefined : "true"} onClick=${() => void submitPin()}>${say("sign_in")}</button></div>`;
}

export function SignInGate() {
  const session = store.session.value;
  const staff = session?.staff ?? [];
  // before the first paint: what is typed the moment the page is seen counts
  useLayoutEffect(() => {
    addEventListener("keydown", typePin);
    pin.value = "";
    return () => removeEventListener("keydown", typePin);
  }, []);
  const choose = (/** @type {string} */ id) => {
    if (person.value && person.value !== id) pin.value = ""; // another person's digits; one's own stay
    person.value = id;
    fault.value = "";
  };
  return html`<main class="gate"><div><h1>${say("who_sells")}</h1>
      <p class="quiet">${store.message.value?.words ?? (staff.length ? `${say("till_ready", { till: tillName(session?.till ?? "") })} ${say("choose_name")}` : say("no_staff"))}</p>
      <div class="people">${staff.map((each) => {
        const role = `role_${each.role}`;
        return html`<button type="button" class="key" key=${each.id} lang=${each.language} aria-pressed=${each.id === person.value} onClick=${() => choose(each.id)}>
          <span class="mono" aria-hidden="true">${initials(each.name)}</span><span><bdi>${each.name}</bdi><small lang=${language()}>${isWord(role) ? say(role) : each.role}</small></span></button>`;
      })}</div><${Languages} /></div><${PinPad} /></main>`;
}
