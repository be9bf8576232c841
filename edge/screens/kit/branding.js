// White label: a shop may replace the name and the accent, and nothing else.
import { signal } from "@preact/signals";

export const brandName = signal("Tillbox");

const CONTRAST_MIN = 4.5;
const HUE_GAP_MIN = 25;
/** Hues of the states, in degrees: an accent must not look like one. */
const STATE_HUES = [146, 40, 17, 341];

/** @param {{name?: string, accent?: string}} brand */
export function takeBrand(brand) {
  if (brand.name) brandName.value = brand.name;
  const refusal = brand.accent ? accentRefusal(brand.accent) : "none given";
  const root = document.documentElement;
  if (refusal) return refusal;
  const style = root.style;
  style.setProperty("--accent", /** @type {string} */ (brand.accent));
  style.setProperty("--accent-press", `color-mix(in srgb, ${brand.accent} 75%, black)`);
  style.setProperty("--accent-wash", `color-mix(in srgb, ${brand.accent} 12%, var(--paper))`);
  return "";
}

/** Says why an accent cannot be used; empty when it can. @param {string} colour `#rrggbb` */
export function accentRefusal(colour) {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (!found) return `${colour} is not a colour like #1d3fa8`;
  const [red, green, blue] = /** @type {[number, number, number]} */ (found.slice(1).map((part) => parseInt(part, 16) / 255));
  const luminance = [red, green, blue]
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * /** @type {number} */ ([0.2126, 0.7152, 0.0722][place]), 0);
  const contrast = (0.975 + 0.05) / (luminance + 0.05);
  if (contrast < CONTRAST_MIN) return `${colour} has a contrast of ${contrast.toFixed(1)} on paper; 4.5 is the least`;
  const most = Math.max(red, green, blue);
  const range = most - Math.min(red, green, blue);
  if (range < 0.08) return "";
  const sector = most === red ? ((green - blue) / range + 6) % 6 : most === green ? (blue - red) / range + 2 : (red - green) / range + 4;
  const hue = sector * 60;
  const near = STATE_HUES.some((state) => Math.min(Math.abs(state - hue), 360 - Math.abs(state - hue)) < HUE_GAP_MIN);
  return near ? `${colour} looks like the colour of a state` : "";
}
