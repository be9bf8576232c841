// Before the wall: enrol this screen, then say who looks after the devices.
import { useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { deviceLanguage } from "../kit/choices.js";
import { html, Icon, Keypad } from "../kit/parts.js";
import { enrol, signIn } from "./access.js";
import { Fault } from "./fields.js";
import { isWord, kitSays, language, LANGUAGES, say, talk } from "./technician_words.js";
import * as store from "./store.js";

const PIN_MIN = 4;
const PIN_MAX = 8;

function Languages() {
  const choose = (/** @type {Event} */ event) => {
    const chosen = /** @type {import("./technician_words.js").Language} */ (/** @type {HTMLSelectElement} */ (event.target).value);
    deviceLanguage.value = chosen;
    void talk(chosen);
  };
  return html`<label class="pick"><${Icon} name="globe" /><span class="said">${kitSays("language")}</span>
    <select class="key" value=${language()} onChange=${choose}>${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select></label>`;
}

export function EnrolGate() {
  const code = useSignal("");
  const fault = useSignal("");
  const asking = useSignal(false);
  const go = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (asking.value || !code.value.trim()) return;
    asking.value = true;
    fault.value = await enrol(code.value);
    asking.value = false;
  };
  return html`<main class="gate"><div><h1>${say("enrol_title")}</h1><p class="quiet">${say("enrol_words")}</p><${Languages} /></div>
    <form class="paper pin" onSubmit=${go}><div class="field"><label for="code">${kitSays("enrol_code")}</label>
      <input id="code" autocomplete="off" autocapitalize="characters" spellcheck=${false} dir="ltr" maxlength="64" value=${code.value}
        onInput=${(/** @type {InputEvent} */ event) => (code.value = /** @type {HTMLInputElement} */ (event.target).value)} /><${Fault} words=${fault.value} /></div>
      <button class="key key--primary key--pay">${say("enrol_do")}</button></form></main>`;
}

export function SignInGate() {
  const staff = store.session.value?.staff ?? [];
  const person = useSignal("");
  const pin = useSignal("");
  const fault = useSignal("");
  const asking = useSignal(false);
  const press = (/** @type {string} */ digit) => {
    fault.value = "";
    if (pin.value.length < PIN_MAX) pin.value += digit;
  };
  const go = async () => {
    if (asking.value) return;
    if (!person.value || pin.value.length < PIN_MIN) {
      fault.value = person.value ? kitSays("sign_in_pin", { n: PIN_MIN }) : kitSays("sign_in_name");
      return;
    }
    asking.value = true;
    const typed = pin.value;
    pin.value = "";
    fault.value = await signIn(person.value, typed);
    asking.value = false;
  };
  useLayoutEffect(() => {
    const typed = (/** @type {KeyboardEvent} */ event) => {
      if (event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return;
      if (/^\d$/.test(event.key)) press(event.key);
      else if (event.key === "Backspace") pin.value = pin.value.slice(0, -1);
      else if (event.key === "Escape") pin.value = "";
      else if (event.key === "Enter" && pin.value.length >= PIN_MIN) void go();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", typed);
    return () => removeEventListener("keydown", typed);
  }, []);
  const name = staff.find((each) => each.id === person.value)?.name;
  const n = pin.value.length;
  const ready = n >= PIN_MIN && name && !asking.value;
  const clear = html`<button type="button" class="key key--quiet" key="c" aria-label=${kitSays("clear")} onClick=${() => (pin.value = "")}>C</button>`;
  return html`<main class="gate"><div><h1>${say("gate_title")}</h1><p class="quiet">${staff.length ? say("gate_words") : say("gate_nobody")}</p>
      <div class="people" role="group" aria-label=${say("gate_title")}>${staff.map((each) => {
        const role = `role_${each.role}`;
        const choose = () => {
          if (person.value !== each.id) pin.value = ""; // another person's digits
          person.value = each.id;
          fault.value = "";
        };
        return html`<button type="button" class="key" key=${each.id} aria-pressed=${each.id === person.value} onClick=${choose}><${Icon} name="user" /><span><bdi>${each.name}</bdi><small>${isWord(role) ? say(role) : each.role}</small></span></button>`;
      })}</div><${Languages} /></div>
    <div class="paper pin"><h2 class="row"><${Icon} name="lock" /><bdi>${name ? kitSays("pin_of", { name }) : kitSays("pin")}</bdi></h2>
      <div class="pin__dots" role="img" aria-label=${kitSays("pin_digits", { n })}>${Array.from({ length: Math.max(PIN_MIN, n) }, (_, place) => html`<i key=${place} class=${place < n ? "on" : ""}></i>`)}</div>
      <${Fault} words=${fault.value} />
      <${Keypad} top=${1} last=${clear} press=${press} erase=${() => (pin.value = pin.value.slice(0, -1))} name=${kitSays("pin")} />
      <button type="button" class=${ready ? "key key--primary key--pay" : "key key--pay"} aria-disabled=${ready ? undefined : "true"} onClick=${go}>${kitSays("sign_in")}</button></div></main>`;
}
