// Takings by hour as bars, drawn to the width that is there. Time runs from left to right in every script.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { decimals, money } from "../kit/numbers.js";
import { html } from "../kit/parts.js";
import { locale } from "../kit/words.js";

/** @typedef {import("./figures.js").HourSum} HourSum */

/** Lower where the page is one column. @param {number} width */
const heightFor = (width) => (width < 600 ? 240 : width < 1000 ? 330 : 400);
const EDGE = { top: 28, bottom: 26, start: 58, end: 8 };
const LINES = 4;
const FIRST_HOUR = 8;
const LAST_HOUR = 19;
/** Hour labels need so much room; where there is less, every second or third hour has one. */
const LABEL_WIDTH = 30;

/** The least round number of 1, 2, 2.5 or 5 that covers a quarter of the most. @param {number} most */
function roundStep(most) {
  const rough = Math.max(most, 1) / LINES;
  const power = 10 ** Math.floor(Math.log10(rough));
  return (/** @type {number} */ ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough))) * power;
}

/** The hours to show: a shop's usual day, and whatever lies outside it. @param {readonly HourSum[]} hours */
function padded(hours) {
  const known = new Map(hours.map((each) => [each.hour, each]));
  const first = Math.min(FIRST_HOUR, hours[0]?.hour ?? FIRST_HOUR);
  const last = Math.max(LAST_HOUR, hours.at(-1)?.hour ?? LAST_HOUR);
  return Array.from({ length: last - first + 1 }, (_, place) => known.get(first + place) ?? { hour: first + place, n: 0, minor: 0 });
}

/** @param {{hours: readonly HourSum[], currency: string, words: string}} props */
export function HourPlot({ hours, currency, words }) {
  const width = useSignal(0);
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => (width.value = Math.floor(entry?.contentRect.width ?? 0)));
    if (place.current) watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return html`<div class="plot-place" ref=${place}>${width.value > 0 && html`<${Bars} hours=${padded(hours)} currency=${currency} words=${words} width=${width.value} />`}</div>`;
}

/** @param {{hours: readonly HourSum[], currency: string, words: string, width: number}} props */
function Bars({ hours, currency, words, width }) {
  const height = heightFor(width);
  const one = 10 ** decimals(currency);
  const most = Math.max(...hours.map((each) => each.minor)) / one;
  const step = roundStep(most);
  const top = step * Math.max(1, Math.ceil(most / step));
  const high = height - EDGE.top - EDGE.bottom;
  const wide = (width - EDGE.start - EDGE.end) / hours.length;
  const y = (/** @type {number} */ value) => EDGE.top + high * (1 - Math.max(0, value) / top);
  const short = new Intl.NumberFormat(locale(), { notation: "compact", maximumFractionDigits: 1 });
  const labelled = Math.ceil(LABEL_WIDTH / wide);
  const best = hours.reduce((a, b) => (b.minor > a.minor ? b : a));
  const lines = Array.from({ length: Math.round(top / step) + 1 }, (_, n) => n * step);
  return html`<svg class="plot" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${words}>
    <g class="grid">${lines.map((value) => html`<path key=${value} d=${`M${EDGE.start} ${y(value)}H${width - EDGE.end}`} />`)}</g>
    <g>${lines.map((value) => html`<text key=${value} x=${EDGE.start - 10} y=${y(value) + 4} text-anchor="end">${short.format(value)}</text>`)}</g>
    <g class="bars">${hours.map((each, n) => {
      const head = y(each.minor / one);
      return each.minor > 0 && html`<rect key=${each.hour} class=${each === best ? "best" : ""} x=${EDGE.start + n * wide + wide * 0.14} y=${head} width=${wide * 0.72} height=${Math.max(2, EDGE.top + high - head)} />`;
    })}</g>
    <g>${hours.map((each, n) => n % labelled === 0 && html`<text key=${each.hour} x=${EDGE.start + (n + 0.5) * wide} y=${height - 6} text-anchor="middle">${each.hour % 24}</text>`)}</g>
    <text class="big" x=${Math.min(width - 40, Math.max(EDGE.start + 30, EDGE.start + (hours.indexOf(best) + 0.5) * wide))} y=${y(best.minor / one) - 8} text-anchor="middle">${money(best.minor, currency)}</text></svg>`;
}
