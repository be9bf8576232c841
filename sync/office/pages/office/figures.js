// Today's figures by hour and tender, counted sale by sale: nothing is counted twice, whatever comes twice.
import { signal } from "@preact/signals";
import { hourOf } from "./times.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").SaleView} SaleView */
/** @typedef {{hour: number, n: number, minor: number}} HourSum */
/** @typedef {{day: string, n: number, currency: string, cash: number, card: number, hours: Map<number, HourSum>}} StoreDay */

/** The newest business day of each shop of which a sale is known. @type {Map<string, StoreDay>} */
let days = new Map();
let seen = new Set();
/** Rises when figures changed. */
const changed = signal(0);

export function forgetFigures() {
  days = new Map();
  seen = new Set();
  changed.value += 1;
}

/** How many sales of its newest day are counted for a shop. @param {string} slug */
export const countedOf = (slug) => days.get(slug)?.n ?? 0;

/** Counts a sale; false when it was counted before. @param {SaleView} sale */
export function countSale(sale) {
  if (seen.has(sale.arrival)) return false;
  seen.add(sale.arrival);
  let day = days.get(sale.store);
  if (!day || sale.day > day.day) {
    day = { day: sale.day, n: 0, currency: sale.currency, cash: 0, card: 0, hours: new Map() };
    days.set(sale.store, day);
  }
  if (sale.day !== day.day) return true; // of an earlier day, arrived late
  const hour = clockHour(sale);
  const sum = day.hours.get(hour) ?? { hour, n: 0, minor: 0 };
  sum.n += 1;
  sum.minor += sale.total_minor + sale.returned_minor; // what was sold: refunds stand apart
  day.hours.set(hour, sum);
  day.n += 1;
  for (const tender of sale.tenders) {
    if (tender.kind === "cash") day.cash += tender.amount_minor;
    else if (tender.state === "approved") day.card += tender.amount_minor;
  }
  day.cash -= sale.change_minor;
  changed.value += 1;
  return true;
}

/** A business day may end after midnight: those hours come last, as 24 and on. @param {SaleView} sale */
function clockHour(sale) {
  const profile = store.profiles.value.get(sale.store);
  const hour = hourOf(sale.completed_at, profile?.time_zone ?? "");
  return hour < (profile?.day_starts_at_hour ?? 0) ? hour + 24 : hour;
}

/** Shops whose newest day is today: a shop that sold nothing today does not count with yesterday. @param {string} currency */
function sellingToday(currency) {
  const selling = new Set(store.stores.value.filter((each) => each.sales_today > 0).map((each) => each.slug));
  return [...days].filter(([slug, day]) => selling.has(slug) && day.currency === currency).map(([, day]) => day);
}

/** Today by hour, over all shops, with the empty hours between the first and the last. @param {string} currency @returns {HourSum[]} */
export function byHour(currency) {
  void changed.value;
  /** @type {Map<number, HourSum>} */
  const sums = new Map();
  for (const day of sellingToday(currency)) {
    for (const { hour, n, minor } of day.hours.values()) {
      const sum = sums.get(hour) ?? { hour, n: 0, minor: 0 };
      sums.set(hour, { hour, n: sum.n + n, minor: sum.minor + minor });
    }
  }
  if (sums.size === 0) return [];
  const first = Math.min(...sums.keys());
  const last = Math.max(...sums.keys());
  return Array.from({ length: last - first + 1 }, (_, place) => sums.get(first + place) ?? { hour: first + place, n: 0, minor: 0 });
}

/** What came in today by way of paying. @param {string} currency */
export function byTender(currency) {
  void changed.value;
  return sellingToday(currency).reduce((sum, day) => ({ cash: sum.cash + day.cash, card: sum.card + day.card }), { cash: 0, card: 0 });
}
