// Head office: sales as they arrive.
import { render } from "preact";
import { installIcons } from "../kit/icons.js";
import { money } from "../kit/numbers.js";
import { html, Money } from "../kit/parts.js";
import { locale } from "../kit/words.js";
import { Acts } from "./acts.js";
import { Alarms } from "./alarms.js";
import { begin } from "./arrivals.js";
import { Aside } from "./aside.js";
import { PriceBooks } from "./books.js";
import { ByHour } from "./by_hour.js";
import { byTender } from "./figures.js";
import { DoubledCoupons } from "./coupons.js";
import { FindGoods } from "./find_goods.js";
import { Lags } from "./lags.js";
import { Mails } from "./mails.js";
import { deviceTalks, say } from "./office_words.js";
import { SaleSheet } from "./sale_sheet.js";
import { Shops } from "./shops.js";
import { SignIn } from "./sign_in.js";
import { Tape, tellArrived } from "./tape.js";
import { CashierTips } from "./tips.js";
import { TopBar } from "./top_bar.js";
import * as store from "./store.js";

/** What was taken today, as large as a headline. */
function Headline() {
  const sums = store.today.value;
  if (store.stores.value.length === 0) return html`<h1>${say("no_shops")}</h1><p class="lede">${say("no_shops_words")}</p>`;
  if (sums.length === 0) return html`<h1>${say("nothing_today")}</h1><p class="lede">${say("nothing_words")}</p>`;
  const [amount, rest] = split(say("taken_today", { amount: "\u0000" }));
  const list = new Intl.ListFormat(locale(), { type: "conjunction" }).formatToParts(sums.map((each) => money(each.minor, each.currency)));
  return html`<h1>${amount}${list.map((part) => (part.type === "element" ? html`<em class="money">${part.value}</em>` : part.value))}${rest}</h1>
    <p class="lede">${sums.map((each) => html`<span key=${each.currency}>${say("sales_n", { n: each.n })} · ${say("mean_basket")} <${Money} minor=${store.mean(each.minor, each.n)} currency=${each.currency} /></span>`)}</p>`;
}

/** @param {string} text */
function split(text) {
  const [before = "", after = ""] = text.split("\u0000");
  return [before, after];
}

/** What came in by way of paying. */
function Ledger() {
  const sums = store.today.value;
  if (sums.length === 0) return null;
  return html`<dl class="ledger">${sums.map((each) => {
    const { cash, card } = byTender(each.currency);
    const row = (/** @type {string} */ name, /** @type {unknown} */ value) => html`<div key=${`${name} ${each.currency}`}><dt>${name}</dt><dd>${value}</dd></div>`;
    const sum = (/** @type {number} */ minor) => html`<${Money} minor=${minor} currency=${each.currency} />`;
    return [row(say("tender_cash"), sum(cash)), row(say("tender_card"), sum(card)), each.tips !== 0 && row(say("tips_in_it"), sum(each.tips))];
  })}</dl>`;
}

function Opening() {
  return html`<main class="opening" aria-busy="true"><p class="said" role="status">${say("opening")}</p><span class="bone"></span><span class="bone"></span><span class="bone"></span></main>`;
}

function Office() {
  if (store.user.value === "") return html`<${TopBar} /><${SignIn} />`;
  if (!store.ready.value) return html`<${TopBar} /><${Opening} />`;
  return html`<${TopBar} /><main class="sheet-grid"><div class="figures"><${Headline} /><${ByHour} /></div>
    <aside class="ruled" aria-label=${say("live")}><${Tape} /><${Ledger} /></aside><${Alarms} /><${Aside} /><${Shops} /><${Lags} /><${PriceBooks} /><${CashierTips} /><${FindGoods} /><${DoubledCoupons} /><${Mails} /><${Acts} /></main><${SaleSheet} />`;
}

installIcons();
await deviceTalks();
render(html`<${Office} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
begin(tellArrived);
