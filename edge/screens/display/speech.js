// Where there is no basket to show: what the shop says to the customer, in large words.
import { brandName } from "../kit/branding.js";
import { html, Icon, Money } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { tenderName } from "./goods.js";
import { view } from "./store.js";

/** @param {{icon?: string, title: unknown, words?: unknown, busy?: boolean}} props */
export function Speech({ icon, title, words, busy = false }) {
  return html`<main class="speech" aria-busy=${busy}>${icon && html`<${Icon} name=${icon} size="l" />`}<h1 role="status">${title}</h1>${words && html`<p>${words}</p>`}</main>`;
}

/** The till waits, or is closed. */
export function Idle({ closed = false }) {
  const logo = view.value?.logo;
  const picture = logo ? html`<img class="idle__logo" src=${`/api/v1/display/logo.png?logo=${logo}`} alt="" />` : html`<img class="idle__mark" src="/kit/mark.svg" alt="" />`;
  return html`<main class="speech idle">${picture}<p class="idle__name">${brandName.value}</p>
    <h1 role="status">${say(closed ? "display_closed" : "display_welcome")}</h1></main>`;
}

/** The terminal waits, or nobody knows yet: beside the sum, in the goods' place. */
export function Call() {
  const now = view.value;
  if (!now) return null;
  if (now.state === "ask_staff") {
    return html`<div class="call"><${Icon} name="wait" size="l" /><h1 role="status">${say("display_moment")}</h1><p>${say("display_ask_words")}</p></div>`;
  }
  const asked = now.tenders.find((each) => each.waits);
  const back = (asked?.amount_minor ?? 0) < 0;
  return html`<div class="call"><${Icon} name="terminal" size="l" /><h1 role="status">${say(back ? "display_card_back" : "display_card")}</h1>
    ${asked && html`<${Money} minor=${asked.amount_minor} currency=${now.currency} kind="call__sum" />`}<p>${say("display_card_words")}</p></div>`;
}

/** After the sale: what comes back, thanks, and the code of the receipt. */
export function Done() {
  const now = view.value;
  if (!now) return null;
  const { currency } = now;
  const given = now.tenders.filter((each) => each.amount_minor < 0);
  const refund = -given.reduce((sum, each) => sum + each.amount_minor, 0);
  const even = now.total_minor === 0 && now.lines.some((line) => line.returned);
  const change = now.change_minor > 0;
  const title = refund > 0 ? say("given_back") : even ? say("exchanged") : change ? say("change") : say("paid");
  const huge = refund || now.change_minor || now.total_minor;
  const row = (/** @type {unknown} */ words, /** @type {number} */ minor, kind = "") => html`<div class=${kind}><dt>${words}</dt><dd><${Money} minor=${minor} currency=${currency} /></dd></div>`;
  return html`<main class="done"><div class="done__words"><h1>${now.greeting ? say("display_thanks_name", { name: now.greeting }) : say("display_thanks")}</h1>
      <p class="sum__all" role="status" aria-live="assertive"><span>${title}</span><${Money} minor=${huge} currency=${currency} kind=${huge >= 1_000_000 ? "sum__huge sum__huge--long" : "sum__huge"} /></p>
      <dl class="sum__rows">${row(say("total"), now.total_minor)}
        ${now.tenders.map((each) => row(each.amount_minor < 0 ? say("given_way", { tender: tenderName(each.kind) }) : tenderName(each.kind), each.amount_minor))}
        ${now.rounding_minor !== 0 && row(say("rounding"), now.rounding_minor)}
        ${now.saved_minor > 0 && row(say("saved"), now.saved_minor, "save")}</dl></div>
    ${now.receipt_code && html`<figure class="code"><img src=${`/api/v1/display/receipt.svg?began_at=${now.began_at}`} alt=${say("display_code_alt")} /><figcaption>${say("display_code")}</figcaption></figure>`}</main>`;
}
