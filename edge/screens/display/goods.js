// The goods: the last one large, those before it in a list, what lies on the scale, and the total.
import { money, quantity, unbroken } from "../kit/numbers.js";
import { html, Icon, Money } from "../kit/parts.js";
import { bookWords } from "../kit/prices.js";
import { say } from "../kit/words.js";
import { view } from "./store.js";

/** @typedef {import("./protocol").DisplayLineView} DisplayLineView */

/** @param {DisplayLineView} line @param {string} currency */
function counted(line, currency) {
  const price = money(line.price_minor, currency);
  const many = quantity(line.quantity, line.unit);
  if (line.unit === "kg") return line.tare_g > 0 ? say("weighed_tare", { quantity: many, price, tare: quantity(line.tare_g, "kg") }) : say("weighed", { quantity: many, price });
  return line.quantity === 1000 ? "" : `${many} × ${price}`;
}

/** What explains a line's amount. @param {{line: DisplayLineView, currency: string}} props */
function Why({ line, currency }) {
  const words = counted(line, currency);
  return html`${line.returned && html`<p class="why"><${Icon} name="back" size="s" /><span>${say(line.deposit ? "empties_back" : "display_returned")}</span></p>`}
    ${words && html`<p class="why"><bdi>${words}</bdi></p>`}
    ${line.savings.map((saving) => html`<p class="why why--save"><${Icon} name="tag" size="s" /><span class="grow">${saving.name ? bookWords(saving.name, saving.price_minor, line.price_minor, currency) : say("display_reduced")}</span><${Money} minor=${saving.amount_minor} currency=${currency} minus /></p>`)}`;
}

/** @param {{line: DisplayLineView, currency: string}} props */
function Last({ line, currency }) {
  return html`<section class="last" aria-live="polite">
    <h1 class=${line.name.length > 26 ? "last__name last__name--long" : "last__name"}>${unbroken(line.name)}</h1>
    <div class="last__why"><${Why} line=${line} currency=${currency} /></div>
    <${Money} minor=${line.amount_minor} currency=${currency} kind="last__sum" /></section>`;
}

/** @param {{line: DisplayLineView, currency: string}} props */
function Row({ line, currency }) {
  return html`<li class=${line.bound ? "item item--bound" : "item"}><div class="item__what"><span class="item__name">${unbroken(line.name)}</span><${Why} line=${line} currency=${currency} /></div>
    <${Money} minor=${line.amount_minor} currency=${currency} kind="item__sum" /></li>`;
}

/** The sale: the last thing that was sold first, then what came before it, newest first. */
export function Goods() {
  const now = view.value;
  if (!now) return null;
  const { lines, currency } = now;
  let at = lines.length - 1;
  while (at > 0 && lines[at]?.bound) at -= 1; // a deposit is not what was sold last
  const last = lines[at];
  const rest = [...lines.slice(at + 1), ...lines.slice(0, at).reverse()];
  return html`<div class="goods">${last && html`<${Last} key=${`${at} ${last.name}`} line=${last} currency=${currency} />`}
    <ul class="items" tabindex="0" aria-label=${say("display_items_label")}>${rest.map((line, place) => html`<${Row} key=${`${lines.length - place} ${line.name}`} line=${line} currency=${currency} />`)}</ul></div>`;
}

/** Weight, price of a kilogram and price, while the goods lie on the scale. */
export function OnScale() {
  const scale = view.value?.weighing;
  if (!scale) return null;
  const currency = view.value?.currency ?? "";
  return html`<div class="goods"><section class="last scale">
    <h1 class=${scale.name.length > 26 ? "last__name last__name--long" : "last__name"}>${unbroken(scale.name)}</h1>
    <dl class="scale__parts"><div><dt>${say("display_net")}</dt><dd class="scale__kg"><bdi>${scale.shown ? quantity(scale.weight_g, "kg") : "\u2013"}</bdi></dd></div>
      <div><dt>${say("display_per_kg")}</dt><dd><${Money} minor=${scale.price_minor} currency=${currency} /></dd></div>
      <div><dt>${say("weigh_tare_key")}</dt><dd><bdi>${quantity(scale.tare_g, "kg")}</bdi></dd></div></dl>
    <p class="why" role="status">${scale.still ? "" : say(scale.shown ? "display_weigh_moves" : scale.at_price ? "display_weigh_at_price" : "display_weigh_none")}</p>
    <output class="last__sum" aria-live="off">${scale.shown && scale.weight_g > 0 ? html`<${Money} minor=${scale.amount_minor} currency=${currency} />` : "\u2013"}</output></section></div>`;
}

/** What there is to pay, or to give back. */
export function Sum() {
  const now = view.value;
  if (!now) return null;
  const { currency } = now;
  const goods = now.lines.filter((line) => !line.bound && !line.deposit).length;
  const started = now.paid_minor !== 0 && now.state !== "ask_staff"; // nobody knows then what is left to pay
  const back = now.back_minor > 0;
  const row = (/** @type {unknown} */ words, /** @type {number} */ minor, kind = "", minus = false) => html`<div class=${kind}><dt>${words}</dt><dd><${Money} minor=${minor} currency=${currency} minus=${minus} /></dd></div>`;
  const tipped = now.tip_minor !== 0;
  const title = back ? say("display_back") : started ? say("display_due") : tipped ? say("tip_to_pay") : say("total");
  const huge = back ? now.back_minor : started ? now.due_minor : now.total_minor + now.tip_minor;
  return html`<section class="sum torn" aria-label=${say("total")}>
    <dl class="sum__rows">${goods > 0 && html`<div><dt>${say("display_items", { n: goods })}</dt><dd></dd></div>`}
      ${now.saved_minor > 0 && row(say("display_saved"), now.saved_minor, "save")}
      ${(started || back || tipped) && row(say("total"), now.total_minor)}
      ${tipped && row(say(now.tip_minor < 0 ? "tip_back" : "tip"), now.tip_minor)}
      ${now.tenders.filter((each) => !each.waits).map((each) => row(tenderName(each.kind), each.amount_minor, "", each.amount_minor > 0))}</dl>
    <p class="sum__all" aria-live="polite"><span>${title}</span><${Money} minor=${huge} currency=${currency} kind=${huge >= 1_000_000 ? "sum__huge sum__huge--long" : "sum__huge"} /></p></section>`;
}

const NAMES = Object.freeze({
  cash: /** @type {const} */ ("cash"),
  card: /** @type {const} */ ("card"),
  gift_card: /** @type {const} */ ("gift_card"),
  points: /** @type {const} */ ("points"),
  house_account: /** @type {const} */ ("house_account"),
  voucher: /** @type {const} */ ("voucher"),
  manual_card: /** @type {const} */ ("card"),
  foreign_cash: /** @type {const} */ ("foreign_cash"),
});

/** A way of paying as customers call it. @param {string} kind */
export const tenderName = (kind) => say(kind in NAMES ? NAMES[/** @type {keyof typeof NAMES} */ (kind)] : "paid");
