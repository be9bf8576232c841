// The shelf: goods as drawn things with their price labels; a click reads the label.
import { barsPath, code128Bars, goodsBars } from "./bars.js";
import { drawing } from "./drawings.js";
import { byId, el, icon, money, svg } from "./parts.js";

/** @typedef {{code: string, name: string, price_minor: number, unit: string, group: string, sku: string, icon?: string, plu?: string, weight_g?: number}} Good */

const FIRST_SHOWN = 24;
const PER_BOARD = 4;
const PER_NARROW_BOARD = 3;
const EVERYDAY = "everyday";
const TAG_HIGH = 26;
/** Phones, and upright tablets where the shelf has half of the width. */
const narrow = matchMedia("(max-width: 34rem), (min-width: 48.01rem) and (max-width: 62rem)");
/** @type {Readonly<Record<string, string>>} */
const GROUP_NAMES = { everyday: "Everyday", bakery: "Bakery", dairy: "Dairy", produce: "Fruit and vegetables", drinks: "Drinks", pantry: "Pantry", household: "Household", sweets: "Sweets", deli: "Deli", frozen: "Frozen", papers: "Papers", flowers: "Flowers", fish: "Fish", meat: "Meat", coupon: "Coupons", card: "Customers' cards" };

/**
 * @param {Good[]} goods @param {string} currency
 * @param {(good: Good) => void} take what a click on goods does
 */
export function openShelf(goods, currency, take) {
  const [shelf, tabs, find] = [byId("shelf"), byId("groups"), /** @type {HTMLInputElement} */ (byId("find"))];
  const groups = [EVERYDAY, ...new Set(goods.map((good) => good.group))];
  let group = EVERYDAY;

  function chosen() {
    const words = find.value.trim().toLocaleLowerCase();
    if (words) return goods.filter((good) => good.name.toLocaleLowerCase().includes(words) || good.code.includes(words));
    return group === EVERYDAY ? goods.slice(0, FIRST_SHOWN) : goods.filter((good) => good.group === group);
  }

  function show() {
    const found = chosen();
    for (const tab of tabs.children) {
      const open = tab.getAttribute("data-group") === group && !find.value.trim();
      tab.setAttribute("aria-selected", String(open));
      tab.setAttribute("tabindex", tab.getAttribute("data-group") === group ? "0" : "-1");
    }
    const size = narrow.matches ? PER_NARROW_BOARD : PER_BOARD;
    const boards = [];
    for (let from = 0; from < found.length; from += size) {
      const board = el("ul", { class: "board" });
      for (const good of found.slice(from, from + size)) board.append(el("li", {}, onShelf(good, currency, take)));
      boards.push(board);
    }
    const empty = el("div", { class: "empty" }, icon("search", "l"), el("h2", {}, "Nothing of that name"), el("p", {}, `Look for another of the ${goods.length} goods, or type a code below.`));
    shelf.replaceChildren(...(boards.length ? boards : [empty]));
    shelf.scrollTop = 0;
    const first = shelf.querySelector(".good");
    if (first) first.setAttribute("tabindex", "0");
  }

  tabs.replaceChildren(...groups.map((name) => el("button", { type: "button", class: "tab", role: "tab", "data-group": name, "aria-controls": "shelf", onclick: () => open(name) }, GROUP_NAMES[name] ?? name)));
  /** @param {string} name */
  function open(name) {
    group = name;
    find.value = "";
    show();
  }
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    open(/** @type {string} */ (groups[(groups.indexOf(group) + step + groups.length) % groups.length]));
    const tab = /** @type {HTMLElement | null} */ (tabs.querySelector('[tabindex="0"]'));
    tab?.focus();
    tab?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  shelf.addEventListener("keydown", walk);
  find.addEventListener("input", show);
  narrow.addEventListener("change", show);
  show();
}

/** Arrows walk over the goods; the shelf is one stop of the Tab key. @param {KeyboardEvent} event */
function walk(event) {
  const all = /** @type {HTMLElement[]} */ ([...byId("shelf").querySelectorAll(".good")]);
  const here = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const row = narrow.matches ? PER_NARROW_BOARD : PER_BOARD;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key];
  const next = here >= 0 && step ? all[here + step] : undefined;
  if (!next) return;
  event.preventDefault();
  for (const good of all) good.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

/** @param {Good} good @param {string} currency @param {(good: Good) => void} take */
function onShelf(good, currency, take) {
  const weighed = good.unit === "kg";
  const coupon = good.unit === "coupon" || good.unit === "card";
  const price = coupon ? good.code : money(good.price_minor, currency);
  const tag = el("span", { class: "tagged" });
  if (!coupon) tag.append(el("b", {}, weighed ? el("small", {}, `${price}/kg`) : price)); // a coupon's bars take all of it
  const widths = weighed ? "" : goodsBars(good.code) || code128Bars(good.code);
  if (widths) {
    const bars = barsPath(widths, TAG_HIGH);
    tag.append(svg(`0 0 ${bars.width} ${TAG_HIGH}`, `<path d="${bars.path}"/>`, "bars"));
  }
  const said = weighed ? "Weigh and scan" : "Scan";
  return el(
    "button",
    { type: "button", class: "good", tabindex: "-1", title: good.name, "data-code": good.code, "aria-label": `${said} ${good.name}, ${price}${weighed ? "/kg" : ""}`, onclick: () => take(good) },
    svg("0 0 80 106", drawing(good)),
    el("span", { class: "good__name", dir: "auto" }, coupon ? `${good.code} ${good.name}` : good.name),
    tag,
  );
}
