// The sheet of the tip: parts of the total, round sums, an amount that is typed, or none. And the row that opens it.
import { useLayoutEffect } from "preact/hooks";
import { html, Icon, Keypad, Money } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { percent } from "./by_hand_words.js";
import { keyName, keys } from "./keyboard.js";
import { Sheet } from "./sheet.js";
import { askTip, changeToKeep, eraseTip, giveTipBack, keepChange, keepTip, offers, roundSums, setTip, setTyped, takesTip, tipDigits, typeTip } from "./tips.js";
import * as store from "./store.js";

/** Digits are the tip's, from wherever the focus is; Enter takes them, or presses the key that has the focus. @param {KeyboardEvent} event */
function typed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^\d$/.test(event.key)) typeTip(event.key);
  else if (event.key === "Backspace") eraseTip();
  else if (event.key === "Enter" && !event.repeat && !(event.target instanceof HTMLButtonElement && !tipDigits.value)) setTyped();
  else return;
  event.preventDefault();
}

/** @param {{title: string, choices: {key: string, minor: number, top: unknown, small: unknown}[], first?: boolean}} props */
function Choices({ title, choices, first = false }) {
  const now = store.view.value?.tip_minor ?? 0;
  if (!choices.length) return null;
  return html`<h3>${title}</h3><div class="tip__choices" role="group" aria-label=${title}>
    ${choices.map(({ key, minor, top, small }, place) => html`<button type="button" class="key key--tall" key=${key} autofocus=${first && place === 0} aria-pressed=${now === minor} onClick=${() => setTip(minor)}><span>${top}<small>${small}</small></span></button>`)}</div>`;
}

export function TipSheet() {
  const view = store.view.value;
  const currency = store.currency.value;
  const sum = (/** @type {number} */ minor) => html`<${Money} minor=${minor} currency=${currency} />`;
  useLayoutEffect(() => {
    addEventListener("keydown", typed);
    return () => removeEventListener("keydown", typed);
  }, []);
  if (!view) return null;
  const total = view.total_minor;
  const minor = Number(tipDigits.value || 0);
  const shares = offers().map((each) => ({ key: String(each.ppm), minor: each.minor, top: html`<bdi>${percent(each.ppm)}</bdi>`, small: sum(each.minor) }));
  const rounds = roundSums().map((each) => ({ key: String(each), minor: each - total, top: sum(each), small: html`${say("tip")} ${sum(each - total)}` }));
  const zeros = html`<button type="button" class="key" key="00" onClick=${() => typeTip("00")}>00</button>`;
  const ready = minor > 0;
  return html`<${Sheet} title=${say("tip_title")} kind="sheet--wide"><div class="tip">
    <div class="tip__what"><p class="tip__total"><span>${say("total")}</span>${sum(total)}</p>
      <${Choices} title=${say("tip_shares")} choices=${shares} first /><${Choices} title=${say("tip_round")} choices=${rounds} first=${shares.length === 0} />
      <button type="button" class="key" onClick=${() => setTip(0)}><${Icon} name="times" />${say("tip_none")}</button></div>
    <div class="tip__pad"><div class="amount"><span class="quiet">${say("tip_typed")}</span><output aria-live="polite">${sum(minor)}</output></div>
      <${Keypad} top=${7} last=${zeros} press=${typeTip} erase=${eraseTip} name=${say("tip_typed")} />
      <button type="button" class=${ready ? "key key--pay key--primary" : "key key--pay"} aria-disabled=${ready ? undefined : "true"} onClick=${setTyped}><span>${say("tip_take")}${ready && html`<small>${say("tip_to_pay")} ${sum(total + minor)}</small>`}</span><kbd>Enter</kbd></button></div></div><//>`;
}

/** Beside the total of the payment desk: what the tip is, and the key that changes it. */
export function TipRow() {
  const view = store.view.value;
  if (!view || (!view.tip_minor && !takesTip())) return null;
  const has = view.tip_minor > 0;
  const keep = changeToKeep();
  return html`<li class=${keep > 0 ? "tip__row tip__row--keep" : "tip__row"}><span>${say(view.tip_minor < 0 ? "tip_back" : "tip")}</span>${takesTip()
      ? html`${keep > 0 && html`<button type="button" class="key" id="keep-change" onClick=${keepChange}><span>${say("tip_keep")} <${Money} minor=${keep} currency=${view.currency} /></span> <kbd>⇧ ${keyName(keys().tip)}</kbd></button>`}
        <button type="button" class="key" id="tip-key" aria-haspopup="dialog" onClick=${askTip}>${has ? html`<span class="said">${say("tip")}</span><${Money} minor=${view.tip_minor} currency=${view.currency} /><${Icon} name="pen" size="s" />` : html`<${Icon} name="plus" size="s" /><span>${say("tip")}</span>`} <kbd>${keyName(keys().tip)}</kbd></button>`
      : html`<${Money} minor=${view.tip_minor} currency=${view.currency} />`}</li>`;
}

/** Under the sold lines of a receipt that had a tip: it goes back by itself, or went back. @param {{sold: import("./protocol").SoldSaleView}} props */
export function TipOfReceipt({ sold }) {
  if (sold.tip_minor <= 0) return null;
  if (!sold.tip_back_minor) return html`<p class="quiet hand__now">${say("tip")} <${Money} minor=${sold.tip_minor} currency=${sold.currency} />${!sold.proved_by && html` · ${say("tip_back_done")}`}</p>`;
  return html`<button type="button" class="key tip__back" onClick=${giveTipBack}><${Icon} name="tip" /><span class="grow">${say("tip_back_give")}</span><${Money} minor=${sold.tip_back_minor} currency=${sold.currency} /></button>`;
}

/** Under the lines of a sale that gives tips back, with the key that takes them out again. */
export function TipsBack() {
  const view = store.view.value;
  if (!view?.tips_from.length) return null;
  const open = store.screen.value === "sell" && !view.tenders.some((each) => each.state === "returned" || each.state === "approved");
  return html`<li class="whole" key="tips"><div class="given"><${Icon} name="tip" size="s" /><span class="grow"><b>${say("tip_back")}</b> <span class="quiet"><bdi>${view.tips_from.join(", ")}</bdi></span></span>
    <${Money} minor=${view.tip_minor} currency=${view.currency} />
    ${open && html`<button type="button" class="key key--quiet" aria-label=${say("tip_back_out")} onClick=${keepTip}><${Icon} name="times" size="s" /></button>`}</div></li>`;
}
