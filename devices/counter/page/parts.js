// Small pieces that every part of the page is made of: elements, icons, states, money, the API.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element; attributes by their name, listeners by `onclick` and the like, children behind.
 * @param {string} tag @param {Record<string, unknown>} [attributes] @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/** A drawing from shapes that we wrote ourselves, never from data. @param {string} box @param {string} shapes @param {string} [kind] */
export function svg(box, shapes, kind = "") {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", box);
  node.setAttribute("aria-hidden", "true");
  if (kind) node.setAttribute("class", kind);
  node.innerHTML = shapes;
  return node;
}

/** @param {string} name @param {string} [size] */
export const icon = (name, size = "") => svg("0 0 24 24", `<use href="#${name}"/>`, `icon${size ? ` icon--${size}` : ""}`);

/** Shape, word and colour, all three. @param {HTMLElement} badge @param {"well" | "wait" | "person" | "lost" | "plain"} tone @param {string} words */
export function showState(badge, tone, words) {
  const said = `${tone} ${words}`;
  if (badge.dataset["said"] === said) return;
  badge.dataset["said"] = said;
  badge.className = `state state--${tone}`;
  badge.replaceChildren(icon(tone === "plain" ? "found" : tone, "s"), el("span", {}, words));
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no ${id}`);
  return node;
}

/** @param {number} minor @param {string} currency */
export function money(minor, currency) {
  const format = new Intl.NumberFormat(document.documentElement.lang, { style: "currency", currency });
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** What the counter refused, in its own words. */
export class Refusal extends Error {}

/** @param {string} path @param {unknown} [body] the body of a POST; a GET without one @returns {Promise<any>} */
export async function ask(path, body) {
  /** @type {RequestInit} */
  const request = body === undefined ? {} : { method: "POST" };
  if (body !== undefined && body !== null) {
    request.headers = { "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/counter/api/${path}`, request);
  } catch {
    throw new Refusal("The counter does not answer. Start it again: nothing was sent.");
  }
  const said = await response.json();
  if (!response.ok) throw new Refusal(`${said.message} ${said.advice ?? ""}`.trim());
  return said;
}
