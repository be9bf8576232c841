// One tender of the sale on the slip: what it is, how it stands, what it pays.
import { html, Icon, Money, State } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { tenderIcon, tenderName } from "./tender_words.js";
import * as store from "./store.js";

const TONES = Object.freeze({ taken: "well", returned: "well", approved: "well", asked: "wait", signing: "wait", declined: "person", unknown: "person" });

/** @param {{tender: import("./protocol").TenderView}} props */
export function Tender({ tender }) {
  const tone = TONES[/** @type {keyof typeof TONES} */ (tender.state)] ?? "plain";
  const back = tender.amount_minor < 0; // it goes to the customer: shown as it is counted out
  const counts = back || tender.state === "taken" || tender.state === "approved";
  const words = { taken: say("tender_taken"), returned: say("given_back"), approved: say(back ? "given_back" : "tender_approved"), asked: say("tender_asked"), signing: say("tender_signing"), declined: say("tender_declined"), unknown: say("tender_unknown") };
  const sum = html`<${Money} minor=${tender.amount_minor} currency=${store.currency.value} minus=${counts} />`;
  return html`<li class="quiet"><span class="row tender"><${Icon} name=${tenderIcon(tender.kind)} size="s" />
      <span class="tender__name">${tenderName(tender.kind)}${tender.last4 && html` <bdi>··${tender.last4}</bdi>`}${tender.reference && html` <bdi>${tender.reference}</bdi>`}</span>
      <${State} tone=${tone}>${words[/** @type {keyof typeof words} */ (tender.state)] ?? tender.state}<//></span>
    ${tender.state === "declined" ? html`<s>${sum}</s>` : sum}</li>`;
}
