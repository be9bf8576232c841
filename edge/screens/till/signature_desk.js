// The customer signs: what to compare, and two keys for what was found. The goods stay on the counter until then.
import { html, Icon, Money, Notice } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { keyName, keys } from "./keyboard.js";
import { confirmSignature, goingBack, refusalWords, refuseSignature, refusing } from "./signatures.js";
import * as store from "./store.js";

/** @param {{signature: import("./protocol").SignatureView}} props */
export function SignatureDesk({ signature }) {
  const lost = store.boxLostSince.value !== null;
  const off = lost ? "true" : undefined;
  const back = signature.reversal === "other" ? say("reversal_other") : signature.reversal === "declined" ? `${say("reversal_declined")} ${signature.reversal_words}` : "";
  return html`<section class="paper live live--sign" aria-live="polite">
    <${Icon} name="person" size="l" />
    <h1>${say("signature_title")}</h1>
    <${Money} minor=${signature.amount_minor} currency=${store.currency.value} kind="live__sum" />
    ${goingBack()
      ? html`<p role="status">${say("signature_going_back")}</p>`
      : html`<p class="quiet">${say(signature.printed ? "signature_printed" : "signature_terminal")}</p>
    ${back && html`<${Notice} tone="person" icon="person"><span class="grow"><bdi>${back}</bdi></span><//>`}
    ${!signature.may_refuse && html`<p class="quiet">${say("refusal_signature_not_reversible")}</p>`}
    <button type="button" class=${`key${lost ? "" : " key--primary"}`} aria-disabled=${off} onClick=${confirmSignature}><${Icon} name="well" /><span class="grow">${say("signature_good")}</span><kbd>${keyName(keys().pay)}</kbd></button>
    ${signature.may_refuse && html`<button type="button" class="key" aria-disabled=${off} aria-pressed=${refusing.value === signature.payment} onClick=${refuseSignature}><${Icon} name="back" turns /><span class="grow"><bdi>${refusalWords()}</bdi></span><kbd>${keyName(keys().void)}</kbd></button>`}`}</section>`;
}
