// Parts that every screen is made of, as small components.
import { h } from "preact";
import htm from "htm";
import { say } from "./words.js";
import { clock, money } from "./numbers.js";

/** @type {(strings: TemplateStringsArray, ...values: unknown[]) => import("preact").VNode<any>} */
export const html = /** @type {any} */ (htm.bind(h));

/** @typedef {import("preact").ComponentChildren} Children */

/** @param {{name: string, size?: "s" | "l", turns?: boolean}} props */
export function Icon({ name, size, turns }) {
  const kind = `icon${size ? ` icon--${size}` : ""}${turns ? " icon--turns" : ""}`;
  return html`<svg class=${kind} aria-hidden="true"><use href=${`#${name}`} /></svg>`;
}

/** @param {{minor: number, currency: string, kind?: string, minus?: boolean}} props */
export function Money({ minor, currency, kind = "", minus = false }) {
  const words = money(minus ? -minor : minor, currency).replace("-", "\u2212"); // Intl knows its side
  return html`<data class=${`money ${kind}`} value=${minus ? -minor : minor}>${words}</data>`;
}

/** A bar in a place kept for it. @param {{tone: string, icon: string, role?: string, live?: boolean, children?: Children}} props */
export function Notice({ tone, icon, role = "status", children }) {
  const kind = ["well", "wait", "person", "lost"].includes(tone) ? ` notice--${tone}` : "";
  return html`<div class=${`notice${kind}`} role=${role}><${Icon} name=${icon} />${children}</div>`;
}

/** @param {{tone: "well" | "wait" | "person" | "lost" | "plain", children?: Children}} props */
export function State({ tone, children }) {
  const icon = tone === "plain" ? "found" : tone;
  return html`<span class=${`state state--${tone}`}><${Icon} name=${icon} size="s" />${children}</span>`;
}

/** The picture of the connection; it breaks where the line breaks. @param {{broken: "" | "box" | "office"}} props */
export function Wire({ broken }) {
  const box = broken === "box" ? "" : "full";
  const office = broken === "" ? "full" : "";
  const toBox = broken === "box" ? "M16 9l5 6M21 9l-5 6" : "M14.5 12H21";
  const toOffice = broken === "office" ? "M36 9l5 6M41 9l-5 6" : broken === "box" ? "" : "M32.5 12H45";
  return html`<svg class="wire" viewBox="0 0 56 24" aria-hidden="true">
    <path class="full" d="M3 7h10v8H3z" /><path d="M5.5 18.5h5" /><path d=${toBox} />
    <path class=${box} d="M24 7h9v10h-9z" />${toOffice && html`<path d=${toOffice} />`}
    <path class=${office} d="M46 18.5v-8.5l4-4 4 4v8.5z" /></svg>`;
}

/** Where a sale is kept, as a picture and in words for readers. @param {{dots: import("../till/protocol").DotsView}} props */
export function Dots({ dots }) {
  return html`<svg class="dots" viewBox="0 0 50 16" role="img" aria-label=${dotsInWords(dots)}>
    <path class=${dots.box ? "full" : ""} d="M2.5 3.5h9v9h-9z" />
    <path d=${dots.shop ? "M11.5 8h8" : "M14 8h1M17 8h1"} />
    <circle class=${dots.shop ? "full" : ""} cx="24.5" cy="8" r="4.75" />
    <path d=${dots.office ? "M29.5 8h9" : "M29.5 8h3M34.5 8h3"} />
    <path class=${dots.office ? "full" : ""} d="M39 13V7l4.5-4L48 7v6z" /></svg>`;
}

/** @param {import("../till/protocol").DotsView} dots */
export function dotsInWords(dots) {
  if (dots.office) return say("kept_office");
  return dots.shop ? say("kept_shop", { keeper: dots.keeper ?? "" }) : say("kept_box");
}

/** @param {{at: number | Date}} props */
export function Clock({ at }) {
  return html`<time datetime=${new Date(at).toISOString()}>${clock(at)}</time>`;
}

/**
 * A keypad that never mirrors. `top` is the first row: 7 like a till, 1 like a card terminal.
 * @param {{top: 1 | 7, last: Children, press: (digit: string) => void, erase: () => void, name: string}} props
 */
export function Keypad({ top, last, press, erase, name }) {
  const digits = top === 7 ? "789456123" : "123456789";
  return html`<div class="keypad" role="group" aria-label=${name}>
    ${[...digits].map((digit) => html`<button type="button" class="key" key=${digit} onClick=${() => press(digit)}>${digit}</button>`)}
    ${last}<button type="button" class="key" key="0" onClick=${() => press("0")}>0</button>
    <button type="button" class="key key--quiet" aria-label=${say("erase")} onClick=${erase}><${Icon} name="erase" /></button></div>`;
}
