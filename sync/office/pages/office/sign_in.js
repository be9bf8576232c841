// Who is it? User and password, and plain words when they do not fit.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { html, Icon } from "../kit/parts.js";
import { signIn } from "./arrivals.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { Languages } from "./top_bar.js";

/** @param {import("./office_api.js").Refusal} refusal */
function refusalWords(refusal) {
  if (refusal.code === "locked") return say("sign_in_locked");
  // a name that cannot be one is a wrong name
  if (refusal.status === 401 || refusal.code === "wrong_shape") return say("sign_in_wrong");
  return say("refused", { code: refusal.code });
}

export function SignIn() {
  const fault = useSignal("");
  const asking = useSignal(false);
  const user = useRef(/** @type {HTMLInputElement | null} */ (null));
  const password = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => user.current?.focus(), []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const [name, secret] = [user.current, password.current];
    if (!name || !secret || asking.value) return;
    const empty = [name, secret].find((field) => !field.value.trim());
    if (empty) {
      fault.value = say("sign_in_both");
      empty.focus();
      return;
    }
    asking.value = true;
    fault.value = "";
    try {
      const refusal = await signIn(name.value.trim(), secret.value);
      if (refusal) {
        fault.value = refusalWords(refusal);
        secret.value = "";
        secret.focus();
      }
    } catch {
      fault.value = say("sign_in_silent");
    }
    asking.value = false;
  };
  const wrong = fault.value ? "true" : undefined;
  return html`<main class="gate"><div class="gate__say"><h1>${say("sign_in_title")}</h1>
      <p class="quiet">${store.signedOut.value ? say("session_over") : say("sign_in_words")}</p><${Languages} /></div>
    <form class="paper gate__form" onSubmit=${submit}>
      <div class="field"><label for="in-user">${say("user")}</label><input id="in-user" name="username" ref=${user} dir="ltr" autocomplete="username" autocapitalize="none" spellcheck=${false} maxlength="40" aria-invalid=${wrong} aria-describedby="in-fault" /></div>
      <div class="field"><label for="in-password">${say("password")}</label><input id="in-password" name="password" type="password" ref=${password} dir="ltr" autocomplete="current-password" maxlength="200" aria-invalid=${wrong} aria-describedby="in-fault" /></div>
      <p id="in-fault" class="field__fault" role="alert">${fault.value && html`<${Icon} name="person" size="s" />`}<span>${fault.value}</span></p>
      <button class="key key--primary" aria-disabled=${asking.value ? "true" : undefined}>${say("sign_in")}</button></form></main>`;
}
