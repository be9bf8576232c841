// The counter's page: shows the state that the counter pushes, does what a person presses.
import { installIcons } from "../kit/icons.js";
import { ask, byId, el, icon, Refusal, showState } from "./parts.js";
import { openShelf } from "./shelf.js";
import { Paper } from "./slip.js";
import { Terminal } from "./terminal.js";
import { Trouble } from "./trouble.js";

/** In GS1's demonstration prefix, with a right check digit, and of no article. */
const UNKNOWN_CODE = "9529999999993";
const WEIGHT_KG_MAX = 99;
const weightForm = /^\d{1,2}([.,]\d{1,3})?$/;

installIcons();
const paper = new Paper();
const terminal = new Terminal((work) => void settle(work));
const trouble = new Trouble((work) => void settle(work));
let scannerReady = false;

/** @param {"" | "well" | "person"} tone @param {...(Node | string)} words */
function hear(tone, ...words) {
  const notice = byId("heard");
  notice.className = `notice${tone ? ` notice--${tone}` : ""}`;
  notice.replaceChildren(icon(tone === "person" ? "person" : "scan"), el("span", { class: "grow" }, ...words));
  notice.classList.remove("flash");
  void notice.offsetWidth; // lets the wash begin again
  notice.classList.add("flash");
}

/** Tells in words what was refused. @param {Promise<unknown>} work */
async function settle(work) {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    hear("person", error.message);
  }
}

const SHOWN_SIGNS_MAX = 60;

/** A receipt's code is some 400 signs, of which nobody reads more than the first. @param {string} code */
const shortened = (code) => (code.length > SHOWN_SIGNS_MAX ? `${code.slice(0, SHOWN_SIGNS_MAX)}\u2026` : code);

/** @param {string} path @param {unknown} body @param {string} [unnamed] what to call a code of no article */
async function scan(path, body, unnamed = "no article on this shelf") {
  await settle(
    ask(path, body).then((typed) => {
      hear("well", el("b", {}, "The scanner typed"), " ", el("span", { class: "kbd", dir: "ltr" }, shortened(typed.code)), ": ", el("span", { dir: "auto" }, typed.name || unnamed), ". The till shows what came of it.");
    }),
  );
}

/** What stands in the scale's field, in grams; 0 for nothing that a scale can weigh, which is said. */
function weightInGrams() {
  const field = /** @type {HTMLInputElement} */ (byId("weight"));
  const text = field.value.trim();
  const kilograms = Number(text.replace(",", "."));
  const good_ = weightForm.test(text) && kilograms > 0 && kilograms <= WEIGHT_KG_MAX;
  field.setAttribute("aria-invalid", String(!good_));
  if (!good_) {
    hear("person", `The scale shows ${text || "nothing"}. Put a weight from 0.001 to ${WEIGHT_KG_MAX} kg on it.`);
    field.focus();
    return 0;
  }
  return Math.round(kilograms * 1000);
}

/** @param {import("./shelf.js").Good} good */
function take(good) {
  if (!good.plu) return void scan("scan", { code: good.code });
  const grams = weightInGrams();
  if (grams) void scan("weigh", { plu: good.plu, weight_g: grams });
}

byId("put-on").addEventListener("click", () => {
  const grams = weightInGrams();
  if (grams) void settle(ask("scale", { grams, stable: true }));
});
byId("take-off").addEventListener("click", () => void settle(ask("scale", { grams: 0, stable: true })));

byId("type").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (byId("code"));
  if (!field.value) return hear("person", "There is no code to scan. Type one first.");
  void scan("scan", { code: field.value });
  field.select();
});
byId("unknown").addEventListener("click", () => void scan("scan", { code: UNKNOWN_CODE }));
byId("rescan").addEventListener("click", () => {
  const code = paper.code();
  if (code) void scan("scan", { code }, "the code of that receipt");
  else hear("person", "No receipt with a code hangs out of the printer. Sell something first, or leaf to an older one.");
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "F2") return;
  event.preventDefault();
  byId("find").focus();
});

/** @param {any} state */
function show(state) {
  scannerReady = state.scanner.connected;
  if (!state.scanner.plugged) showState(byId("scanner-state"), "lost", "cable out");
  else if (scannerReady) showState(byId("scanner-state"), "well", "in use");
  else showState(byId("scanner-state"), "person", "not in use");
  showState(byId("scale-state"), ...scaleInWords(state.scale));
  showPole(state.printer.pole);
  paper.take(state);
  terminal.take(state.terminal);
  trouble.take(state);
  const till = /** @type {HTMLAnchorElement} */ (byId("till"));
  till.hidden = !state.till_url;
  if (state.till_url) till.href = state.till_url;
}

/** The customer display that hangs on the printer. @param {readonly string[]} rows */
function showPole(rows) {
  const pole = byId("pole");
  const said = rows.map((row) => row.trim().replace(/ {2,}/g, " ")).filter(Boolean);
  pole.setAttribute("aria-label", said.length ? `The customer display says: ${said.join(", ")}` : "The customer display is dark");
  rows.forEach((row, place) => (pole.children[place].textContent = row));
}

/** @param {{grams: number, stable: boolean, overloaded: boolean, plugged: boolean, connected: boolean}} scale @returns {["well" | "wait" | "person" | "lost", string]} */
function scaleInWords(scale) {
  if (!scale.plugged) return ["lost", "cable out"];
  if (!scale.connected) return ["person", "not in use"];
  if (scale.overloaded) return ["person", "too much on it"];
  const shows = `${(scale.grams / 1000).toFixed(3)}\u00a0kg`;
  if (!scale.stable) return ["wait", `${shows}, moving`];
  return scale.grams === 0 ? ["well", "empty"] : ["well", shows];
}

function watch() {
  const events = new EventSource("/counter/api/events");
  events.onmessage = (event) => {
    showState(byId("alive"), "well", "live");
    show(JSON.parse(event.data));
  };
  events.onerror = () => {
    showState(byId("alive"), "lost", "the counter does not answer");
    // refused for good (too many pages): try again all the same
    if (events.readyState === EventSource.CLOSED) setTimeout(watch, 2000);
  };
}

hear("", "Press goods on the shelf: the scanner reads their label.");
showState(byId("alive"), "wait", "connecting");
watch();
void settle(
  ask("goods").then((shelf) => {
    if (shelf.store_name) byId("where").textContent = `Simulated hardware of ${shelf.store_name}`;
    openShelf(shelf.goods, shelf.currency, take);
  }),
);
