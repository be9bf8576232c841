// The desk of goods that come back, in the quick keys' place: the receipt, its lines, a reason; the sale stays in sight.
import { useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { day, money, quantity, unbroken } from "../kit/numbers.js";
import { html, Icon, Keypad, Money } from "../kit/parts.js";
import { locale, say } from "../kit/words.js";
import { tillName } from "./access.js";
import { ask } from "./box_api.js";
import { Fault, MessageLine } from "./message_line.js";
import { TEXT_CHARS_MAX } from "./by_hand.js";
import { tenderName } from "./tender_words.js";
import * as returns from "./returns.js";
import { TipOfReceipt } from "./tip_sheet.js";
import * as store from "./store.js";

/** @typedef {import("./store").Returning} Returning */
/** @typedef {import("./protocol").SoldLineView} SoldLineView */

const TYPING_MS = 120;
const GRAMS_DIGITS_MAX = 6;

/** @param {{now: Returning}} props */
function Reasons({ now }) {
  const words = returns.RETURN_REASONS.map((word) => say(word));
  const typed = (/** @type {InputEvent} */ event) => returns.changeReturn({ reason: /** @type {HTMLInputElement} */ (event.target).value });
  return html`<div class="return__why"><div class="reasons" role="group" aria-label=${say("reasons")}>
      ${words.map((each, at) => html`<button type="button" class="key" key=${each} aria-pressed=${now.reason === each} onClick=${() => returns.changeReturn({ reason: now.reason === each ? "" : each })}><span class="grow">${each}</span><kbd>${at + 1}</kbd></button>`)}</div>
    <div class="field"><label for="return-reason">${say("reason")}</label>
      <input id="return-reason" autocomplete="off" dir="auto" maxlength=${TEXT_CHARS_MAX} value=${now.reason} onInput=${typed} /></div></div>`;
}

/** @param {{now: Returning, does: unknown}} props */
function Go({ now, does }) {
  const lost = store.boxLostSince.value !== null;
  const ready = !lost && !now.sent && !now.asking && returns.missing(now) === "";
  return html`<button type="button" class=${`key hand__go${ready ? " key--primary" : ""}`} aria-disabled=${ready ? undefined : "true"} onClick=${returns.sendReturn}>
    <span><bdi>${lost && now.sent ? say("waits_for_box") : does}</bdi></span> <kbd>Enter</kbd></button>`;
}

/** @param {{now: Returning}} props */
function Find({ now }) {
  const last = store.lastSale.value?.receipt;
  const press = (/** @type {string} */ sign) => returns.changeReturn({ text: (now.text + sign).slice(0, returns.RECEIPT_CHARS_MAX), fault: "" });
  const typed = (/** @type {InputEvent} */ event) => returns.changeReturn({ text: /** @type {HTMLInputElement} */ (event.target).value, fault: "" });
  const dash = html`<button type="button" class="key" key="dash" onClick=${() => press("-")}>-</button>`;
  return html`<section class="hand hand--pad return return--find" id="return" tabindex="-1" aria-label=${say("return_title")}>
    <div class="hand__what"><p class="quiet hand__now">${say("return_how")}</p>
      <div class="field"><label for="return-text">${say("return_number")}</label>
        <input id="return-text" autocomplete="off" autocapitalize="off" spellcheck=${false} dir="ltr" maxlength=${returns.RECEIPT_CHARS_MAX} placeholder=${returns.receiptNumber("57")} aria-invalid=${now.fault ? "true" : undefined} value=${now.text} onInput=${typed} />
        <${Fault} words=${now.fault} /></div>
      ${last && html`<button type="button" class="key" onClick=${() => (returns.changeReturn({ text: last, fault: "" }), returns.findTyped())}><${Icon} name="clock" /><span>${say("last_sale", { receipt: "" })} <bdi>${last}</bdi></span></button>`}
      <button type="button" class="key" onClick=${returns.withoutReceipt}><${Icon} name="nopaper" />${say("return_without")}</button></div>
    <div class="hand__pad return__pad"><${Keypad} top=${7} last=${dash} press=${press} erase=${() => returns.changeReturn({ text: now.text.slice(0, -1), fault: "" })} name=${say("return_number")} /></div>
    <${Go} now=${now} does=${say("return_find")} /></section>`;
}

/** What is to be known of a line, in words. @param {SoldLineView} line @param {string} [paid] */
function about(line, paid) {
  const price = money(line.price_minor, paid ?? store.currency.value);
  const sold = line.unit === "kg" ? say("weighed", { quantity: quantity(line.quantity, "kg"), price }) : `${quantity(line.quantity, line.unit)} × ${price}`;
  const tills = line.held_at.map(tillName).join(", ");
  return [
    sold,
    ...(line.serial ? [`${say("serial")} ${line.serial}`] : line.lot ? [`${say("lot")} ${line.lot}`] : []),
    ...(line.held_at.length ? [say("return_held", { quantity: quantity(line.returned, line.unit), till: tills })] : line.returned > 0 ? [say("return_before", { quantity: quantity(line.returned, line.unit) })] : []),
    ...(line.returnable > 0 && line.returnable < line.quantity ? [say("return_left", { quantity: quantity(line.returnable, line.unit) })] : []),
  ];
}

/** @param {{line: SoldLineView, picked: number}} props */
function Steps({ line, picked }) {
  const name = unbroken(line.name);
  if (line.unit === "kg") {
    const typed = (/** @type {InputEvent} */ event) => returns.pick(line, Number(/** @type {HTMLInputElement} */ (event.target).value.replace(/\D/g, "").slice(0, GRAMS_DIGITS_MAX)));
    return html`<label class="sold__grams"><input inputmode="numeric" autocomplete="off" dir="ltr" aria-label=${say("return_grams", { name })} value=${picked || ""} onInput=${typed} />g</label>`;
  }
  return html`<button type="button" class="key" tabindex="-1" aria-label=${`${say("line_less")}: ${name}`} aria-disabled=${picked ? undefined : "true"} onClick=${() => returns.stepPick(line, -1)}><${Icon} name="minus" /></button>
    <output class="sold__n">${quantity(picked, line.unit)}</output>
    <button type="button" class="key" tabindex="-1" aria-label=${`${say("line_more")}: ${name}`} aria-disabled=${picked < line.returnable ? undefined : "true"} onClick=${() => returns.stepPick(line, 1)}><${Icon} name="plus" /></button>`;
}

/** @param {{line: SoldLineView, picked: number, on: boolean, paid?: string}} props `paid`: the currency of a line that says what it cost */
function SoldLine({ line, picked, on, paid }) {
  const key = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useLayoutEffect(() => {
    const here = document.activeElement === document.body || document.activeElement?.closest(".sold, #return") === key.current?.closest(".sold");
    if (on && here && document.activeElement?.tagName !== "INPUT") key.current?.focus({ preventScroll: false });
  }, [on]);
  const gone = line.returnable <= 0;
  const minor = paid ? line.paid_minor : picked ? returns.partBack(line, picked) : gone ? 0 : line.back_minor;
  return html`<li class=${`sold__line${picked ? " sold__line--on" : ""}`}><button type="button" class="key sold__key" ref=${key} data-line=${line.line_id} tabindex=${on ? 0 : -1} aria-pressed=${picked > 0} aria-disabled=${gone ? "true" : undefined}
      onFocus=${() => returns.changeReturn({ at: line.line_id })} onClick=${() => !gone && returns.pickWhole(line)}>
      <span class="sold__box" aria-hidden="true">${picked > 0 && html`<${Icon} name="check" size="s" />`}</span>
      <b class="sold__name"><bdi>${unbroken(line.name)}</bdi></b>${(paid || !gone) && html`<b class="sold__sum">${picked && !returns.isExact(line, picked) ? "≈ " : ""}<${Money} minor=${minor} currency=${paid ?? store.currency.value} /></b>`}
      <span class="sold__about">${about(line, paid).map((each, at) => html`${at > 0 && " · "}<bdi>${each}</bdi>`)}</span></button>
    ${!gone && line.returnable !== 1000 && html`<span class="sold__steps"><${Steps} line=${line} picked=${picked} /></span>`}</li>`;
}

/** @param {Returning} now @param {string} one */
function does(now, one) {
  const { minor, exact } = returns.worth(now);
  return minor ? say("return_do", { amount: `${exact ? "" : "≈ "}${money(minor, store.currency.value)}` }) : one;
}

/** What a receipt proves of a sale that this box does not have. @param {{sold: import("./protocol").SoldSaleView, some: boolean}} props `some`: it can come back by it */
function Proved({ sold, some }) {
  const card = some && sold.tenders.some((each) => each.kind === "card" && each.paid_minor > 0);
  const facts = [say("return_sold_in", { store: sold.store_number }), ...(sold.lines_left_out ? [say("return_left_out", { lines: sold.lines_left_out })] : [])];
  return html`<p class="sold__proof" role="status"><${Icon} name="check" size="s" /> <b>${say("return_proved")}</b> ${say(some ? "return_proved_bound" : sold.lines_left_out ? "return_proved_words" : "return_proved_none")}${card && html` ${say("return_proved_card")}`} <span class="quiet">${facts.join(" · ")}</span></p>`;
}

/** @param {{now: Returning}} props */
function Sold({ now }) {
  const sold = /** @type {import("./protocol").SoldSaleView} */ (now.sold);
  const proved = sold.proved_by !== "";
  const how = new Intl.ListFormat(locale(), { type: "conjunction" }).format(sold.tenders.map((each) => `${tenderName(each.kind)}${each.last4 ? ` ··${each.last4}` : ""}`));
  const some = sold.lines.some((line) => line.returnable > 0);
  return html`<section class="hand hand--pad return return--sold" id="return" tabindex="-1" aria-label=${say("return_title")}>
    <div class="hand__what"><div class="sold__head"><p><b><bdi>${sold.receipt_number}</bdi></b>
        <span class="quiet"><bdi>${day(sold.completed_at)}</bdi> · ${say("till_named", { till: tillName(sold.till) })} · <${Money} minor=${sold.total_minor} currency=${sold.currency} />${how && html` · <bdi>${how}</bdi>`}</span></p>
        ${some && html`<button type="button" class="key" aria-pressed=${returns.isEverything()} onClick=${returns.pickAll}><span>${say("return_everything")} <${Money} minor=${sold.back_minor} currency=${sold.currency} /></span></button>`}</div>
      ${proved ? html`<${Proved} sold=${sold} some=${some} />` : some ? html`<p class="quiet hand__now">${say("return_pick")}</p>` : html`<p class="hand__now" role="status">${say("return_nothing")}</p>`}
      <ul class="sold">${sold.lines.map((line) => html`<${SoldLine} key=${line.line_id} line=${line} picked=${now.picked[line.line_id] ?? 0} on=${now.at === line.line_id} paid=${proved && (!some || line.returnable <= 0) ? sold.currency : undefined} />`)}</ul><${TipOfReceipt} sold=${sold} /></div>
    <div class="hand__pad return__side">${proved && !some ? html`<button type="button" class="key" onClick=${returns.withoutReceipt}><${Icon} name="nopaper" />${say("return_without")}</button>` : html`<${Reasons} now=${now} />`}</div>
    ${(!proved || some) && html`<${Go} now=${now} does=${does(now, say("return_none"))} />`}</section>`;
}

function useSearch() {
  useSignalEffect(() => {
    const text = store.returning.value?.step === "item" ? store.returning.value.text.trim() : "";
    if (text.length < 2) return undefined;
    const timer = setTimeout(() => {
      ask("GET", `/api/v1/articles?q=${encodeURIComponent(text)}`).then(
        ({ articles }) => {
          if (store.returning.peek()?.text.trim() === text && store.returning.peek()?.found !== articles) returns.changeReturn({ found: articles, foundAt: 0 });
        },
        () => undefined,
      );
    }, TYPING_MS);
    return () => clearTimeout(timer);
  });
}

/** @param {{now: Returning}} props */
function Article({ now }) {
  const { article } = now;
  if (!article) return null;
  const kg = article.unit === "kg";
  const grams = (/** @type {InputEvent} */ event) => returns.changeReturn({ quantity: Number(/** @type {HTMLInputElement} */ (event.target).value.replace(/\D/g, "").slice(0, GRAMS_DIGITS_MAX)) });
  const step = (/** @type {number} */ by) => returns.changeReturn({ quantity: Math.max(1000, now.quantity + by * 1000) });
  return html`<div class="sold__line sold__line--on return__article"><p class="sold__key"><b class="sold__name"><bdi>${unbroken(article.name)}</bdi></b>
      ${article.price_minor > 0 && html`<b class="sold__sum"><${Money} minor=${returns.worth(now).minor} currency=${store.currency.value} /></b>`}
      <span class="sold__about">${say("return_today")}${article.line && html` · ${say("return_scanned")}`}</span></p>
    <span class="sold__steps">${
      kg
        ? html`<label class="sold__grams"><input inputmode="numeric" autocomplete="off" dir="ltr" aria-label=${say("return_grams", { name: unbroken(article.name) })} value=${now.quantity || ""} onInput=${grams} />g</label>`
        : html`<button type="button" class="key" aria-label=${say("line_less")} aria-disabled=${now.quantity <= 1000 ? "true" : undefined} onClick=${() => step(-1)}><${Icon} name="minus" /></button><output class="sold__n">${quantity(now.quantity, "piece")}</output>
          <button type="button" class="key" aria-label=${say("line_more")} onClick=${() => step(1)}><${Icon} name="plus" /></button>`
    }</span></div>
    <button type="button" class="key" onClick=${returns.withoutReceipt}><${Icon} name="search" />${say("return_other_article")}</button>`;
}

/** @param {{now: Returning}} props */
function Item({ now }) {
  useSearch();
  const typed = (/** @type {InputEvent} */ event) => returns.changeReturn({ text: /** @type {HTMLInputElement} */ (event.target).value, found: null });
  return html`<section class="hand hand--pad return return--item" id="return" tabindex="-1" aria-label=${say("return_without")}>
    <div class="hand__what"><p class="quiet hand__now">${say("return_without_words")}</p>
      ${now.article
        ? html`<${Article} now=${now} />`
        : html`<div class="field"><label for="return-text">${say("return_article")}</label><input id="return-text" type="search" enterkeyhint="enter" autocomplete="off" autocapitalize="off" spellcheck=${false} dir="auto" value=${now.text} onInput=${typed} /></div>
          ${now.found && (now.found.length ? html`<ul class="found">${now.found.map((article, at) => html`<li key=${article.sku}><button type="button" class="key" aria-current=${at === now.foundAt ? "true" : undefined} onClick=${() => returns.chooseArticle(article)}>
            <bdi class="grow">${unbroken(article.name)}</bdi><span class="hint">${article.sku}</span><${Money} minor=${article.price_minor} currency=${store.currency.value} /></button></li>`)}</ul>` : html`<p role="status">${say("found_none", { text: now.text })}</p>`)}`}</div>
    <div class="hand__pad return__side"><${Reasons} now=${now} /></div>
    <${Go} now=${now} does=${does(now, say("return_without"))} /></section>`;
}

/** @param {{now: Returning}} props */
export function ReturnDesk({ now }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const before = document.activeElement;
    return () => {
      const lost = !document.activeElement || document.activeElement === document.body;
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  useLayoutEffect(() => {
    const row = document.querySelector(`.sold__key[tabindex="0"]`);
    const field = now.step !== "sold" && !now.touched ? document.getElementById("return-text") : null;
    const target = field ?? (now.step === "sold" && row instanceof HTMLElement ? row : document.getElementById("return"));
    target?.focus({ preventScroll: true });
  }, [now.step, now.sold?.receipt_number]);
  const title = now.step === "item" ? say("return_without") : say("return_title");
  return html`<div class="entry__head" ref=${place}><h2 class="cut"><span role="status">${title}</span></h2>
      ${now.step !== "find" && html`<button type="button" class="key key--quiet return__other" onClick=${() => (store.returning.value = store.newReturning(true))}><${Icon} name="back" turns />${say("return_other")}</button>`}
      <button type="button" class="key key--quiet" onClick=${returns.closeReturn}><${Icon} name="times" />${say("close")}</button></div>
    ${now.step === "find" ? html`<${Find} now=${now} />` : now.step === "sold" && now.sold ? html`<${Sold} now=${now} />` : html`<${Item} now=${now} />`}`;
}

/** The desk in place of the change, while a finished sale is still on the slip. @param {{now: Returning}} props */
export function ReturnOverChange({ now }) {
  return html`<main class="desk desk--aside"><${MessageLine} hint=${say("next_scan")} /><${ReturnDesk} now=${now} /></main>`;
}
