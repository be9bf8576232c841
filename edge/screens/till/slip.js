// The slip: lines, what explains them, the total, and PAY.
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { clock, money, quantity, unbroken } from "../kit/numbers.js";
import { Dots, html, Icon, Money, State } from "../kit/parts.js";
import { bookWords } from "../kit/prices.js";
import { language, say } from "../kit/words.js";
import { ageHolds, ageShown } from "./ages.js";
import { askDiscount, askNote, askPrice, takeBack } from "./by_hand.js";
import { off } from "./by_hand_words.js";
import { CustomerChip, CustomerRow } from "./customers.js";
import { CouponRows } from "./coupons.js";
import { askQuantity, backToSale, comesBack, countable, lineHindered, pay, stepQuantity, voidLine } from "./doings.js";
import { keyName, keys } from "./keyboard.js";
import { MessageLine } from "./message_line.js";
import { takesEmpties } from "./empties.js";
import { goesBack, isEven } from "./refunds.js";
import { ParkedSign } from "./park_desk.js";
import { Tender } from "./tender_line.js";
import { TipRow, TipsBack } from "./tip_sheet.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").LineView} LineView */

/** @param {{line: LineView}} props */
function LineKeys({ line }) {
  if (lineHindered(line)) return null;
  const counts = countable(line) && line.unit !== "kg" && !line.serial;
  if (comesBack(line)) {
    return html`<div class="line__do"><button type="button" class="key" onClick=${askNote}>${say("note")}</button>
      <button type="button" class="key key--danger line__void" onClick=${() => voidLine(line)}>${say("line_void")}</button></div>`;
  }
  const given = (store.view.value?.discounts ?? []).filter((each) => each.line_id === line.line_id);
  return html`<div class="line__do">
    ${counts &&
    html`<button type="button" class="key" aria-label=${say("line_less")} aria-disabled=${line.quantity <= 1000} onClick=${() => stepQuantity(line, -1)}><${Icon} name="minus" /></button>
      <button type="button" class="key" aria-label=${say("line_more")} onClick=${() => stepQuantity(line, 1)}><${Icon} name="plus" /></button>`}
    ${line.unit === "kg" && countable(line) && html`<button type="button" class="key" onClick=${() => askQuantity(line)}>${say("line_quantity")}</button>`}
    ${!line.deposit && html`<button type="button" class="key" onClick=${askDiscount}>${say("discount")}</button>
    <button type="button" class="key" onClick=${askPrice}>${say("price")}</button>`}
    <button type="button" class="key" onClick=${askNote}>${say("note")}</button>
    <button type="button" class="key key--danger line__void" onClick=${() => voidLine(line)}>${say("line_void")}</button>
    ${given.map((each) => html`<button type="button" class="key" key=${each.discount_id} onClick=${() => takeBack(each.discount_id)}><${Icon} name="percent" size="s" />${say("take_back_off", { off: off(each, store.currency.value) })}</button>`)}</div>`;
}

/** What a line was counted as before, the last few. */
const WAS_SHOWN = 3;

/** @param {import("./store").Row} row */
function reason({ line, was }) {
  const price = money(line.price_minor, store.currency.value);
  if (line.voided) return { icon: "times", words: say("voided") };
  if (comesBack(line)) return { icon: "back", words: backWords(line, price) };
  const why = measure(line, price);
  if (!was.length) return why;
  const before = say("quantity_was", { list: was.slice(-WAS_SHOWN).map((each) => quantity(each.quantity, each.unit)).join(", ") });
  return { icon: why?.icon ?? "tag", words: why ? `${why.words} · ${before}` : before };
}

/** Of which receipt its goods come back, and how much of them. @param {LineView} line @param {string} price */
function backWords(line, price) {
  const of = line.deposit && !line.returned_from ? say("empties_back") : line.returned_from ? say("returned_of", { receipt: line.returned_from }) : say("returned_without");
  return line.unit === "kg" ? `${of} · ${quantity(line.quantity, "kg")}` : line.quantity === 1000 ? of : `${of} · ${say("each", { price })}`;
}

/** @param {LineView} line @param {string} price */
function measure(line, price) {
  const counted = amounts(line, price);
  if (!line.overridden) return counted;
  return { icon: "pen", words: counted ? `${counted.words} · ${say("by_hand")}` : `${price} · ${say("by_hand")}` };
}

/** @param {LineView} line @param {string} price */
function amounts(line, price) {
  if (line.tare_g > 0) return { icon: "scale", words: say("weighed_tare", { quantity: quantity(line.quantity, "kg"), price, tare: quantity(line.tare_g, "kg") }) };
  if (line.unit === "kg") return { icon: "scale", words: say("weighed", { quantity: quantity(line.quantity, "kg"), price }) };
  return line.quantity === 1000 ? null : { icon: "tag", words: say("each", { price }) };
}

/** Whether it waits for the customer's age. @param {LineView} line */
const held = (line) => !line.voided && line.minimum_age > (store.view.value?.age_checked ?? 0);

/** @param {{row: import("./store").Row, on: boolean, keys: boolean}} props */
function Line({ row, on, keys: showKeys }) {
  const { line } = row;
  const fresh = useSignal(true); // it arrives once: not again when a pane or a desk comes back
  // a view brings every line anew: of a long sale only the rows that look different are drawn again
  const looks = [held(line), line.line_id, line.name, line.unit, line.quantity, line.price_minor, line.amount_minor, line.listed_minor, line.voided, line.overridden, line.note, line.reductions.map((each) => `${each.source} ${each.name} ${each.amount_minor} ${each.price_minor}`).join("|"), row.was.length, fresh.value, store.currency.value, language()];
  return useMemo(() => drawLine(row, on, showKeys, fresh), on ? [{}] : looks);
}

/** @param {import("./store").Row} row @param {boolean} on @param {boolean} showKeys @param {import("@preact/signals").Signal<boolean>} fresh */
function drawLine(row, on, showKeys, fresh) {
  const { line } = row;
  const why = reason(row);
  const kind = `line${line.deposit_of && !line.voided ? " line--bound" : ""}${line.voided ? " line--void" : comesBack(line) ? " line--back" : ""}${on ? " line--on" : ""}${fresh.value ? " line--new" : ""}`;
  const pieces = (line.unit === "kg" ? 1000 : line.quantity) * (comesBack(line) && !line.voided ? -1 : 1);
  const count = quantity(pieces, "piece").replace("-", "\u2212"); // Intl knows its side
  const choose = () => {
    if (!line.voided) store.chosenLine.value = line.line_id;
  };
  return html`<li class=${kind} aria-current=${on ? "true" : undefined} onClick=${choose} onAnimationEnd=${() => (fresh.value = false)}>
    <span class="line__n">${count}</span><span class="line__name"><bdi>${unbroken(line.name)}</bdi></span>
    <${Money} minor=${line.voided ? Math.round((line.price_minor * line.quantity) / 1000) : line.listed_minor} currency=${store.currency.value} kind="line__sum" />
    ${why && html`<span class="line__why"><${Icon} name=${why.icon} size="s" /><bdi>${why.words}</bdi></span>`}
    ${held(line) && html`<span class="line__why line__why--held"><${Icon} name="age" size="s" />${say("age_held", { age: line.minimum_age })}</span>`}
    ${line.reductions.map((each, place) => html`<span class="line__why line__why--save" key=${`why ${place}`}><${Icon} name=${each.source === "discount" ? "percent" : "tag"} size="s" />${bookWords(each.name, each.price_minor, line.price_minor, store.currency.value)}</span><${Money} key=${`off ${place}`} minor=${each.amount_minor} currency=${store.currency.value} kind="line__off" minus />`)}
    ${!line.voided && (line.serial || line.lot) && html`<span class="line__why"><${Icon} name="label" size="s" /><bdi>${line.serial ? `${say("serial")} ${line.serial}` : `${say("lot")} ${line.lot}`}</bdi></span>`}
    ${line.note && !line.voided && html`<span class="line__why line__why--note"><${Icon} name="pen" size="s" /><bdi>${line.note}</bdi></span>`}
    ${on && showKeys && html`<${LineKeys} line=${line} />`}</li>`;
}

/** A discount that can be taken back. @param {{given: import("./protocol").DiscountView, words: string}} props */
function Given({ given, words }) {
  return html`<div class="given"><${Icon} name="percent" size="s" /><span class="grow"><bdi>${words}</bdi> <span class="quiet">· <bdi>${given.reason}</bdi></span></span>
    ${!lineHindered(store.chosen.value) && store.screen.value === "sell" && html`<button type="button" class="key key--quiet" aria-label=${say("take_back_off", { off: off(given, store.currency.value) })} onClick=${() => takeBack(given.discount_id)}>${say("take_back")}</button>`}</div>`;
}

/** What was given and written for the whole sale, under its lines. */
function WholeSale() {
  const view = store.view.value;
  const all = (view?.discounts ?? []).filter((each) => !each.line_id);
  if (!all.length && !view?.note) return null;
  return html`<li class="whole" key="whole">
    ${all.map((given) => html`<${Given} key=${given.discount_id} given=${given} words=${say("discount_off_sale", { off: off(given, store.currency.value) })} />`)}
    ${view?.note && html`<div class="given"><${Icon} name="pen" size="s" /><span class="grow"><bdi>${view.note}</bdi></span></div>`}</li>`;
}

/** What was typed while the box was away: seen, not counted. */
function WaitingLines() {
  const ahead = store.waiting.value.filter((each) => each.command.type === "add_item");
  if (store.boxLostSince.value === null) return null;
  return ahead.map(
    (each) => html`<li class="line line--waiting" key=${each.command.command_id}>
      <span class="line__n">${each.command.type === "add_item" ? quantity(each.command.quantity, "piece") : ""}</span>
      <span class="line__name"><bdi>${unbroken(each.name)}</bdi></span><${Icon} name="wait" size="s" />
      <span class="line__why">${say("waits_for_box")}</span></li>`,
  );
}

/** Scrolls a list so far that a line is whole in sight; the page itself stays. @param {HTMLElement} list @param {HTMLElement} line */
function reveal(list, line) {
  const [top, bottom] = [line.offsetTop - list.offsetTop, line.offsetTop - list.offsetTop + line.offsetHeight];
  if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  if (top < list.scrollTop) list.scrollTop = top;
}

function Lines() {
  const list = useRef(/** @type {HTMLOListElement | null} */ (null));
  const rows = store.rows.value;
  const screen = store.screen.value;
  const on = screen === "sell" || screen === "idle" ? store.chosen.value?.line_id : null;
  const waiting = store.waiting.value.length;
  // the newest line, or the chosen one, is in sight: also after the device was turned or a notice took room
  const show = () => {
    const current = list.current?.querySelector('[aria-current="true"]') ?? list.current?.lastElementChild;
    if (list.current && current) reveal(list.current, /** @type {HTMLElement} */ (current));
  };
  useLayoutEffect(show, [rows.length, on, waiting, store.view.value?.discounts.length]);
  useEffect(() => {
    const watch = new ResizeObserver(show);
    if (list.current) watch.observe(list.current);
    return () => watch.disconnect();
  }, []);
  return html`<ol class="lines" ref=${list} tabindex="0" aria-label=${say("sale")}>
    ${rows.map((row) => html`<${Line} key=${row.key} row=${row} on=${row.line.line_id === on} keys=${screen === "sell"} />`)}
    <${WholeSale} /><${CustomerRow} /><${CouponRows} /><${TipsBack} /><${WaitingLines} /></ol>`;
}

function Ready() {
  return html`<div class="lines empty"><${Icon} name="scan" size="l" /><h2>${say("ready_title")}</h2><p>${say("ready_words")}</p><${ParkedSign} /></div>`;
}

function Head() {
  const view = store.view.value;
  const screen = store.screen.value;
  if (!view) return null;
  if (screen === "idle") {
    const last = store.lastSale.value;
    if (!last) return html`<div class="slip__head"><${CustomerChip} /></div>`;
    return html`<div class="slip__head"><div class="saleno">${say("last_sale", { receipt: "" })} <bdi>${last.receipt}</bdi> · <${Money} minor=${last.total} currency=${store.currency.value} /></div><${CustomerChip} /></div>`;
  }
  const title = view.receipt_number ? say("sale_number", { receipt: view.receipt_number }) : say("sale_since", { time: clock(view.opened_at ?? Date.now()) });
  return html`<div class="slip__head"><b class="slip__title">${title}</b>
    <div class="saleno">${view.dots && html`<${Dots} dots=${view.dots} />`}</div><${CustomerChip} /></div>`;
}

/** @param {{dim?: boolean}} props */
function PayKey({ dim }) {
  const second = dim || store.pad.value !== null || store.hand.value !== null || store.parking.value !== null || store.returning.value !== null || ageShown() !== null || takesEmpties(); // one primary key in view: an open pad has it
  return html`<button type="button" class=${`key key--pay${second ? "" : " key--primary"}`} aria-disabled=${dim ? "true" : undefined} onClick=${() => ageHolds() || pay()}>
    <span>${say(goesBack() ? "give_back" : isEven() ? "settle_short" : "pay")}</span><kbd>${keyName(keys().pay)}</kbd></button>`;
}

function SellTotals() {
  const view = store.view.value;
  const tax = (view?.taxes ?? []).reduce((sum, each) => sum + each.tax_minor, 0);
  const lost = store.boxLostSince.value !== null;
  const live = store.liveLines.value;
  const count = (/** @type {LineView[]} */ lines) => lines.reduce((sum, line) => sum + (line.unit === "kg" ? 1 : line.quantity / 1000), 0);
  const n = count(live.filter((line) => !comesBack(line) && !line.deposit));
  const backs = count(live.filter(comesBack));
  const back = goesBack();
  const saved = (view?.lines ?? []).reduce((sum, line) => sum + (comesBack(line) ? 0 : line.listed_minor - line.amount_minor), 0);
  const tip = view?.tip_minor ?? 0;
  const paid = (view?.total_minor ?? 0) + tip - (view?.due_minor ?? 0);
  return html`<div class="totals"><dl>
      ${n > 0 && html`<div><dt>${say("articles", { n })}</dt></div>`}
      ${backs > 0 && html`<div><dt>${say("articles_back", { n: backs })}</dt></div>`}
      ${saved > 0 && html`<div class="save"><dt>${say("saved")}</dt><dd><${Money} minor=${saved} currency=${store.currency.value} /></dd></div>`}
      ${tax > 0 && html`<div><dt>${say("tax_included")}</dt><dd><${Money} minor=${tax} currency=${store.currency.value} /></dd></div>`}
      ${tip > 0 && html`<div><dt>${say("tip")}</dt><dd><${Money} minor=${tip} currency=${store.currency.value} /></dd></div>`}
      ${paid > 0 && html`<div><dt>${say("still_to_pay")}</dt><dd><b><${Money} minor=${view?.due_minor ?? 0} currency=${store.currency.value} /></b></dd></div>`}
    </dl>
    <div class="sum"><span>${say(back ? "goes_back" : tip < 0 ? "tip_to_pay" : "total")}</span><${Money} minor=${(view?.total_minor ?? 0) + Math.min(0, tip)} currency=${store.currency.value} /></div>
    <${PayKey} dim=${lost || !store.hasContent.value} /></div>`;
}

function PayTotals() {
  const view = store.view.value;
  if (!view) return null;
  return html`<div class="totals"><ul class="tenders" tabindex=${view.tenders.length > 1 ? 0 : undefined} aria-label=${say(goesBack() ? "how_given" : "how_paid")}>
      <li><span>${say("total")}</span><${Money} minor=${view.total_minor} currency=${view.currency} /></li>
      <${TipRow} />
      ${view.tenders.map((tender) => html`<${Tender} key=${tender.tender_id} tender=${tender} />`)}
      <li class="left"><span>${say(goesBack() ? "still_to_give" : "still_to_pay")}</span><${Money} minor=${goesBack() ? view.refund_due_minor : view.due_minor} currency=${view.currency} /></li></ul>
    ${view.state === "open" &&
    html`<button type="button" class="key key--backs" onClick=${backToSale}><${Icon} name="back" turns />${say("back_to_sale")} <kbd>${keyName(keys().back)}</kbd></button>`}</div>`;
}

/** @param {{tone: "well" | "person", state: string, words: string, sum: string}} props */
function EndTotals({ tone, state, words, sum }) {
  const view = store.view.value;
  return html`<div class="totals"><dl><div><dt><${State} tone=${tone}>${state}<//></dt></div><div><dt>${words}</dt></div></dl>
    <div class="sum"><span>${sum}</span><${Money} minor=${(view?.total_minor ?? 0) + (view?.tip_minor ?? 0)} currency=${store.currency.value} /></div></div>`;
}

function Totals() {
  switch (store.screen.value) {
    case "paying":
      return html`<${PayTotals} />`;
    case "change":
      return html`<${EndTotals} tone="well" state=${say("complete")} words=${say("next_scan")} sum=${say((store.view.value?.total_minor ?? 0) + (store.view.value?.tip_minor ?? 0) < 0 ? "given_back" : "paid")} />`;
    case "indoubt":
      return html`<${EndTotals} tone="person" state=${say("in_doubt")} words="" sum=${say("not_settled")} />`;
    default:
      return html`<${SellTotals} />`;
  }
}

export function Slip() {
  const selling = store.screen.value === "sell" || store.screen.value === "idle"; // phones: the desk is behind the slip
  const empty = store.screen.value === "idle" && !(store.boxLostSince.value !== null && store.waiting.value.length);
  const titled = store.screen.value === "indoubt" || store.view.value?.state === "paying"; // the desk has the title then
  return html`<section class="slip paper" aria-label=${say("sale")}>
    ${!titled && html`<h1 class="said">${say("sale")}</h1>`}<${Head} />${empty ? html`<${Ready} />` : html`<${Lines} />`}<hr class="perf" />
    ${selling && html`<div class="slip__says"><${MessageLine} /></div>`}<${Totals} /></section>`;
}
