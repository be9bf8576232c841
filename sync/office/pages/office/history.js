// What was sold before the page was opened: where the newest sale stands, and back from there to the start of today.
import { ask } from "./office_api.js";
import { countedOf, countSale } from "./figures.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").SalesView} SalesView */
/** @typedef {import("./protocol").StoreView} StoreView */
/** @typedef {import("./protocol").SaleView} SaleView */

/** What head office answers at most at once. */
const PAGE = 500;
/** Pages read back at most: beyond that the plot says that it counts the newest sales only. */
const PAGES_MAX = 40;
/** Sales read at least, so that the tape is not empty in the morning. */
const SALES_MIN = 50;
/** Profiles asked for at once. */
const ASKED_AT_ONCE = 4;

/** @param {number} after @returns {Promise<SalesView>} */
const page = (after) => ask("GET", `/api/v1/sales?after=${after}`);

/** Reads shops, their clocks and today's sales. Returns the place of the newest sale. */
export async function readHistory() {
  /** @type {import("./protocol").StoresView} */
  const { stores } = await ask("GET", "/api/v1/stores");
  await readProfiles(stores);
  store.stores.value = stores;
  const end = await newestPage(stores);
  let found = end.sales;
  take(found);
  let after = end.next - found.length;
  for (let pages = 1; after > 0 && !complete(stores); pages += 1) {
    if (pages === PAGES_MAX) {
      store.capped.value = true;
      break;
    }
    const before = Math.max(0, after - PAGE);
    found = (await page(before)).sales.filter((sale) => sale.arrival <= after);
    take(found);
    after = before;
  }
  return end.next;
}

/** @param {readonly SaleView[]} found in order of arrival */
function take(found) {
  const newestFirst = found.toReversed();
  store.sales.value = [...store.sales.value, ...newestFirst].slice(0, store.SALES_KEPT);
  for (const sale of newestFirst) countSale(sale);
}

/** @param {readonly StoreView[]} stores */
const complete = (stores) => stores.every((each) => each.sales_today === 0 || countedOf(each.slug) >= each.sales_today) && store.sales.value.length >= SALES_MIN;

/**
 * Finds the newest sale: places have no gaps, so a page that is neither full nor empty holds it.
 * @param {readonly StoreView[]} stores @returns {Promise<SalesView>}
 */
async function newestPage(stores) {
  let low = 0; // a place up to which there are sales
  let high = Infinity; // a place behind which there is none
  let step = PAGE;
  let probe = Math.max(0, stores.reduce((sum, each) => sum + each.sales_today, 0) - PAGE);
  for (;;) {
    const found = await page(probe);
    if (found.sales.length > 0) low = found.next;
    else high = probe;
    if (found.sales.length > 0 && found.sales.length < PAGE) return found;
    if (high <= low) return { sales: [], next: low };
    if (high - low <= PAGE) probe = low;
    else if (high < Infinity) probe = Math.floor((low + high) / 2);
    else {
      probe = low + step;
      step *= 4;
    }
  }
}

/** @param {readonly StoreView[]} stores */
async function readProfiles(stores) {
  const found = new Map(store.profiles.value);
  const waiting = stores.filter((each) => !found.has(each.slug));
  const worker = async () => {
    for (let each = waiting.pop(); each; each = waiting.pop()) {
      /** @type {import("./protocol").FeedView} */
      const feed = await ask("GET", `/api/v1/feeds/config?store=${encodeURIComponent(each.slug)}`);
      const value = feed.items.find((item) => item.key === "store")?.value;
      if (value) found.set(each.slug, { time_zone: value.time_zone ?? "", day_starts_at_hour: value.day_starts_at_hour ?? 0 });
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, worker));
  store.profiles.value = found;
}
