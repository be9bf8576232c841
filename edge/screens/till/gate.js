// Before selling: make the device a till, then say who sells.
import { useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { deviceLanguage } from "../kit/choices.js";
import { html, Icon } from "../kit/parts.js";
import { language, LANGUAGES, say, speak } from "../kit/words.js";
import { enrol, signIn, tillName } from "./access.js";
import { Fault } from "./message_line.js";
import { newPinEntry, People, PinPad, submitPin, typePin } from "./pin_pad.js";
import * as store from "./store.js";

const entry = newPinEntry();

function Languages() {
  const choose = (/** @type {Event} */ event) => {
    const chosen = /** @type {import("../kit/words.js").Language} */ (/** @type {HTMLSelectElement} */ (event.target).value);
    deviceLanguage.value = chosen;
    entry.fault.value = ""; // it was said in the other language
    void speak(chosen);
  };
  return html`<label class="pick"><${Icon} name="globe" /><span class="said">${say("language")}</span>
    <select class="key" value=${language()} onChange=${choose}>${Object.entries(LANGUAGES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}</select></label>`;
}

export function EnrolGate() {
  const code = useSignal("");
  const said = useSignal(store.message.value?.words ?? "");
  const asking = useSignal(false);
  const ask = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (asking.value || !code.value.trim()) return;
    asking.value = true;
    said.value = await enrol(code.value);
    asking.value = false;
  };
  return html`<main class="gate gate--enrol"><div><h1>${say("enrol_title")}</h1><p class="quiet">${say("enrol_words")}</p><${Languages} /></div>
    <form class="paper pin" onSubmit=${ask}><div class="field"><label for="code">${say("enrol_code")}</label>
      <input id="code" class="code" autocomplete="off" autocapitalize="characters" spellcheck=${false} dir="ltr" maxlength="64" aria-describedby="code-fault" value=${code.value}
        onInput=${(/** @type {InputEvent} */ event) => (code.value = /** @type {HTMLInputElement} */ (event.target).value)} /><div id="code-fault"><${Fault} words=${said.value} /></div></div>
      <button class="key key--primary key--pay">${say("enrol_do")}</button></form></main>`;
}

const submit = () => void submitPin(entry, signIn);

/** @param {KeyboardEvent} event */
function typed(event) {
  if (typePin(entry, event, submit) || event.key !== "Escape") return;
  entry.pin.value = "";
  event.preventDefault();
}

export function SignInGate() {
  const session = store.session.value;
  const staff = session?.staff ?? [];
  // before the first paint: what is typed the moment the page is seen counts
  useLayoutEffect(() => {
    addEventListener("keydown", typed);
    entry.pin.value = "";
    return () => removeEventListener("keydown", typed);
  }, []);
  return html`<main class="gate"><div><h1>${say("who_sells")}</h1>
      <p class="quiet">${store.message.value?.words ?? (staff.length ? `${say("till_ready", { till: tillName(session?.till ?? "") })} ${say("choose_name")}` : say("no_staff"))}</p>
      <${People} entry=${entry} people=${staff} /><${Languages} /></div><${PinPad} entry=${entry} people=${staff} does=${say("sign_in")} submit=${submit} /></main>`;
}
