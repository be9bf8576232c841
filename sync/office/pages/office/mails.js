// Receipts by e-mail: what waits, what went, what came to nothing. Addresses are masked before they come here.
import { effect, signal, untracked } from "@preact/signals";
import { html, State } from "../kit/parts.js";
import { ask } from "./office_api.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { ago } from "./times.js";

/** @typedef {import("./protocol").MailView} MailView */

/** How often it is looked at: a mail server takes its time too. */
const LOOK_MS = 5_000;
const SHOWN_MAX = 8;
const TONES = /** @type {const} */ ({ waiting: "wait", sent: "well", failed: "person" });

const mails = signal(/** @type {readonly MailView[]} */ ([]));
const sending = signal(true);
const waiting = signal(0);
/** @type {ReturnType<typeof setInterval> | undefined} */
let looking;

async function read() {
  try {
    const now = await ask("GET", "/api/v1/mails");
    [mails.value, sending.value, waiting.value] = [now.mails, now.sending, now.waiting];
  } catch {
    // that head office is silent is said on top
  }
}

effect(() => {
  const shown = store.ready.value;
  untracked(() => {
    clearInterval(looking);
    looking = undefined;
    mails.value = [];
    if (!shown) return;
    looking = setInterval(() => void read(), LOOK_MS);
    void read();
  });
});

export function Mails() {
  if (mails.value.length === 0) return null;
  return html`<section class="shops over" aria-labelledby="mails-title"><h2 id="mails-title">${say("mails")}</h2>
    <table class="table"><thead><tr><th scope="col">${say("receipt")}</th><th scope="col">${say("shop")}</th><th scope="col">${say("mail_to")}</th><th scope="col">${say("mail_state")}</th><th scope="col" class="num">${say("mail_when")}</th></tr></thead>
      <tbody>${mails.value.slice(0, SHOWN_MAX).map(
        (mail, place) => html`<tr key=${place}><th scope="row"><bdi>${mail.receipt || "-"}</bdi></th><td data-label=${say("shop")}><bdi>${store.storeName(mail.store)}</bdi></td>
          <td data-label=${say("mail_to")}>${mail.to ? html`<bdi dir="ltr">${mail.to}</bdi>` : say("mail_erased")}</td>
          <td data-label=${say("mail_state")}><${State} tone=${TONES[mail.state]}>${say(`mail_${mail.state}`)}<//>${mail.state !== "sent" && mail.words && html` <small><bdi>${mail.words}</bdi></small>`}</td>
          <td class="num" data-label=${say("mail_when")}>${ago(mail.ended_at || mail.arrived_at, store.now.value)}</td></tr>`,
      )}</tbody></table>
    <p class="hint foot">${sending.value ? say("mails_waiting", { n: waiting.value }) : say("mails_off", { n: waiting.value })}</p></section>`;
}
