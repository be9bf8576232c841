// The desk for what people set by hand, in the quick keys' place: the sale stays in sight, and scans go on.
import { useLayoutEffect, useRef } from "preact/hooks";
import { decimalSign, money, unbroken } from "../kit/numbers.js";
import { html, Icon, Keypad, Money } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { aimHand, changeHand, eraseHand, handDoes, handTitle, lineOf, missing, PERCENTS, REASONS, sendHand, TEXT_CHARS_MAX, typeHand } from "./by_hand.js";
import { percent } from "./by_hand_words.js";
import * as store from "./store.js";

/** @typedef {import("./store").Hand} Hand */

/** @param {{name: string, now: string, choices: [string, string][], choose: (value: string) => void}} props */
function Either({ name, now, choices, choose }) {
  return html`<div class="twin twin--wide" role="group" aria-label=${name}>
    ${choices.map(([value, words]) => html`<button type="button" key=${value} aria-pressed=${value === now} onClick=${() => choose(value)}>${words}</button>`)}</div>`;
}

/** @param {{hand: Hand}} props */
function Aim({ hand }) {
  const line = store.chosen.value;
  if (!line) return null;
  const own = hand.line || line.line_id;
  return html`<${Either} name=${say("aim")} now=${hand.line} choose=${aimHand} choices=${[[own, say("aim_line")], ["", say("aim_sale")]]} />`;
}

/** @param {{hand: Hand}} props */
function Much({ hand }) {
  const currency = store.currency.value;
  const way = (/** @type {string} */ value) => {
    if (hand.percent !== (value === "percent")) changeHand({ percent: value === "percent", digits: "" });
  };
  return html`<${Either} name=${say("discount")} now=${hand.percent ? "percent" : "amount"} choose=${way} choices=${[["percent", say("off_percent")], ["amount", say("off_amount")]]} />
    ${hand.percent &&
    html`<div class="quick quick--even" role="group" aria-label=${say("off_percent")}>
      ${PERCENTS.map((each) => html`<button type="button" class="key" key=${each} aria-pressed=${Number(hand.digits) === each} onClick=${() => changeHand({ digits: String(each) })}>${percent(each * 10_000)}</button>`)}</div>`}
    ${!hand.percent && html`<p class="quiet hand__now">${say("discount_amount_hint")} <${Money} minor=${costs(hand)} currency=${currency} /></p>`}`;
}

/** What the line, or the sale, costs now. @param {Hand} hand */
const costs = (hand) => (hand.line ? lineOf(hand)?.amount_minor : store.view.value?.total_minor) ?? 0;

/** @param {Hand} hand */
function typedWords(hand) {
  if (hand.kind === "price" || !hand.percent) return money(Number(hand.digits), store.currency.value);
  const now = percent(Number(hand.digits) * 10_000);
  return hand.digits.endsWith(".") ? now.replace(/(\d)(?!.*\d)/u, `$1${decimalSign()}`) : now; // a sign just typed is seen
}

/** @param {{hand: Hand}} props */
function Pad({ hand }) {
  const name = hand.kind === "price" ? say("price_new") : say("discount");
  const sign = hand.kind === "discount" && hand.percent;
  const corner = sign
    ? html`<button type="button" class="key" key="sign" aria-label=${say("decimal_sign")} onClick=${() => typeHand(".")}>${decimalSign()}</button>`
    : html`<button type="button" class="key" key="00" onClick=${() => typeHand("00")}>00</button>`;
  return html`<div class="amount"><span class="quiet">${name}</span><output aria-live="polite"><bdi>${typedWords(hand)}</bdi></output></div>
    <${Keypad} top=${7} last=${corner} press=${typeHand} erase=${eraseHand} name=${name} />`;
}

/** @param {{hand: Hand}} props */
function Reasons({ hand }) {
  const words = REASONS[hand.kind].map((word) => say(word));
  const note = hand.kind === "note";
  const typed = (/** @type {InputEvent} */ event) => changeHand({ text: /** @type {HTMLInputElement} */ (event.target).value });
  return html`${words.length > 0 &&
    html`<div class="reasons" role="group" aria-label=${say("reasons")}>
      ${words.map((each) => html`<button type="button" class="key" key=${each} aria-pressed=${hand.text === each} onClick=${() => changeHand({ text: hand.text === each ? "" : each })}>${each}</button>`)}</div>`}
    <div class="field"><label for="hand-text">${note ? say("note") : say("reason")}</label>
      <input id="hand-text" autocomplete="off" dir="auto" maxlength=${TEXT_CHARS_MAX} value=${hand.text} onInput=${typed} /></div>`;
}

/** @param {{hand: Hand}} props */
function Go({ hand }) {
  const lost = store.boxLostSince.value !== null;
  const waits = lost && hand.sent !== "";
  const ready = (!lost || hand.kind === "note") && missing(hand) === "";
  return html`<button type="button" class=${`key hand__go${ready ? " key--primary" : ""}`} aria-disabled=${ready ? undefined : "true"} onClick=${sendHand}>
    <bdi>${waits ? say("waits_for_box") : handDoes(hand)}</bdi> <kbd>Enter</kbd></button>`;
}

/** @param {{hand: Hand}} props */
export function HandDesk({ hand }) {
  const title = handTitle(hand);
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const before = document.activeElement;
    const field = hand.kind === "note" ? document.getElementById("hand-text") : place.current;
    field?.focus({ preventScroll: true });
    return () => {
      // back to where the hand was, unless it went elsewhere meanwhile
      const lost = !document.activeElement || document.activeElement === document.body || place.current?.contains(document.activeElement);
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, [hand.kind]);
  const pad = hand.kind === "discount" || hand.kind === "price";
  const line = lineOf(hand);
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2>
      <button type="button" class="key key--quiet" onClick=${() => (store.hand.value = null)}><${Icon} name="times" />${say("close")}</button></div>
    <section class=${`hand hand--${pad ? "pad" : "text"}`} aria-label=${title} tabindex="-1" ref=${place}>
      <div class="hand__what">
        ${(hand.kind === "discount" || hand.kind === "note") && html`<${Aim} hand=${hand} />`}
        ${hand.kind === "discount" && html`<${Much} hand=${hand} />`}
        ${hand.kind === "price" && line && html`<p class="quiet hand__now"><bdi>${unbroken(line.name)}</bdi> · ${say("price_now")} <${Money} minor=${line.price_minor} currency=${store.currency.value} />${line.unit === "kg" && say("per_kg")}</p>`}
        ${hand.kind === "drawer" && html`<p class="quiet hand__now">${say("no_sale_words")}</p>`}
        <${Reasons} hand=${hand} /></div>
      ${pad && html`<div class="hand__pad"><${Pad} hand=${hand} /></div>`}
      <${Go} hand=${hand} /></section>`;
}
