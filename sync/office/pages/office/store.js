// What the page knows: the stores, the newest sales, and today's figures made of them.
import { computed, signal } from "@preact/signals";

/** @typedef {import("./protocol").SaleView} SaleView */
/** @typedef {import("./protocol").StoreView} StoreView */
/** @typedef {import("./protocol").AlarmCaseView} AlarmCaseView */
/** @typedef {{time_zone: string, day_starts_at_hour: number}} Profile */

/** Sales that can be opened; older ones are only counted. */
export const SALES_KEPT = 500;

/** `null` until head office said who is signed in; empty: nobody. */
export const user = signal(/** @type {string | null} */ (null));
/** Why nobody is signed in any more. */
export const signedOut = signal(false);
/** Whether stores and today's sales are there. */
export const ready = signal(false);
export const stores = signal(/** @type {StoreView[]} */ ([]));
/** Newest first. */
export const sales = signal(/** @type {SaleView[]} */ ([]));
/** Clock and opening hour of each shop, by slug. */
export const profiles = signal(/** @type {ReadonlyMap<string, Profile>} */ (new Map()));
/** Whether a shop sold more today than this page has read. */
export const capped = signal(false);
/** Since when head office does not answer, in ms since 1970; null when it does. */
export const lostSince = signal(/** @type {number | null} */ (null));
/** What is wrong and not over, the newest first. */
export const alarms = signal(/** @type {readonly AlarmCaseView[]} */ ([]));
export const opened = signal(/** @type {SaleView | null} */ (null));
export const now = signal(Date.now());

/** Takes over how an alarm is by now. @param {AlarmCaseView} alarm */
export function putAlarm(alarm) {
  const others = alarms.value.filter((each) => each.n !== alarm.n);
  alarms.value = alarm.state === "closed" ? others : [...others, alarm].sort((a, b) => b.n - a.n);
}

/** @param {string} slug */
export const zoneOf = (slug) => profiles.value.get(slug)?.time_zone ?? "";
/** @param {string} slug */
export const storeName = (slug) => stores.value.find((store) => store.slug === slug)?.name ?? slug;
/** `till-1` is till 1. @param {string} till */
export const tillName = (till) => till.replace(/^till-/, "");

/** Takings and sales of today by currency, most sales first. */
export const today = computed(() => {
  /** @type {Map<string, {currency: string, minor: number, tips: number, n: number}>} */
  const found = new Map();
  for (const store of stores.value) {
    if (store.sales_today === 0) continue;
    const sum = found.get(store.currency) ?? { currency: store.currency, minor: 0, tips: 0, n: 0 };
    sum.minor += store.takings_today_minor;
    sum.tips += store.tips_today_minor;
    sum.n += store.sales_today;
    found.set(store.currency, sum);
  }
  return [...found.values()].sort((a, b) => b.n - a.n);
});

/** @param {number} minor @param {number} n */
export const mean = (minor, n) => (n === 0 ? 0 : Math.round(minor / n));
