// Times in words: a shop's own clock for what happened in it, the reader's for the line.
import { locale } from "../kit/words.js";

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {Intl.DateTimeFormatOptions} options */
function format(options) {
  const key = `${locale()} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(locale(), options);
    formats.set(key, found);
  }
  return found;
}

/** @param {string} zone empty: the reader's */
const of = (zone) => (zone ? { timeZone: zone } : {});

/** `14:32:08` of a zone. @param {number} at @param {string} zone */
export const toTheSecond = (at, zone) => format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", ...of(zone) }).format(at);

/** `18 Nov` of a zone. @param {number} at @param {string} zone */
export const shortDay = (at, zone) => format({ day: "numeric", month: "short", ...of(zone) }).format(at);

/** Date and time of a zone, the zone named when it is not the reader's. @param {number} at @param {string} zone */
export function inFull(at, zone) {
  const foreign = zone && zone !== Intl.DateTimeFormat().resolvedOptions().timeZone;
  return format({ dateStyle: "long", timeStyle: "medium", hourCycle: "h23", ...of(zone) }).format(at) + (foreign ? ` (${zone})` : "");
}

/** `18 Nov 2026, 14:32` of a zone. @param {number} at @param {string} zone */
export const onDay = (at, zone) => format({ dateStyle: "medium", timeStyle: "short", hourCycle: "h23", ...of(zone) }).format(at);

/** Day and time on a shop's own clock, given as `2026-12-01T00:00`. @param {string} local */
export const wallTime = (local) => format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" }).format(Date.parse(`${local}Z`));

/** A calendar day, given as `2026-12-05`, in the reader's way. @param {string} day */
export const dayOf = (day) => (/^\d{4}-\d\d-\d\d$/.test(day) ? format({ dateStyle: "medium", timeZone: "UTC" }).format(Date.parse(day)) : day);

/** Today's date of the reader. @param {number} at */
export const longDay = (at) => format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(at);

const DAY_MS = 86_400_000;

/** `14:32`, with the day when it is not today. @param {number} at @param {number} now */
export function since(at, now) {
  const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
  const same = new Date(at).toDateString() === new Date(now).toDateString();
  if (same) return clock;
  const day = now - at < 6 * DAY_MS ? format({ weekday: "short" }).format(at) : shortDay(at, "");
  return `${day} ${clock}`;
}

/** `12 s ago`, in the largest unit that is not zero. @param {number} at @param {number} now */
export function ago(at, now) {
  const s = Math.max(0, Math.round((now - at) / 1000));
  const relative = new Intl.RelativeTimeFormat(locale(), { style: "short" });
  if (s < 60) return relative.format(-s, "second");
  if (s < 3600) return relative.format(-Math.floor(s / 60), "minute");
  if (s < 86_400) return relative.format(-Math.floor(s / 3600), "hour");
  return relative.format(-Math.floor(s / 86_400), "day");
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const hourFormats = new Map();

/** The hour, 0 to 23, that a shop's clock shows. @param {number} at @param {string} zone */
export function hourOf(at, zone) {
  let found = hourFormats.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en", { hour: "numeric", hourCycle: "h23", ...of(zone) });
    hourFormats.set(zone, found);
  }
  return Number(found.format(at));
}

/** `14:00–15:00` of an hour that may lie past midnight. @param {number} hour */
export function hourWords(hour) {
  const two = (/** @type {number} */ each) => `${String(each % 24).padStart(2, "0")}:00`;
  return `${two(hour)}\u2013${two(hour + 1)}`;
}
