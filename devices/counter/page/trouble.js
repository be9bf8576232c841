// The drawer, and what can go wrong: paper, cover, cables, and the line to head office.
import { ask, byId, el, showState } from "./parts.js";

/** @typedef {{on: boolean, words: string, off: string, flip: (on: boolean) => Promise<unknown>}} Switch */

export class Trouble {
  /** @param {(work: Promise<unknown>) => void} doing tells what was refused */
  constructor(doing) {
    this.openedAt = 0;
    this.pulses = 0;
    this.grams = 0;
    /** @type {Map<string, {button: HTMLElement, small: HTMLElement}>} */
    this.rows = new Map();
    const cable = (/** @type {string} */ device) => (/** @type {boolean} */ plugged) => ask("cables", { device, plugged });
    this.add(doing, "paper", "Printer has paper", (on) => ask("printer", { paper: on ? "ok" : "out" }));
    this.add(doing, "cover", "Printer cover is shut", (on) => ask("printer", { cover: on ? "closed" : "open" }));
    this.add(doing, "link", "Line to head office", (up) => ask("link", { up }));
    this.add(doing, "scanner", "Scanner cable", cable("scanner"));
    this.add(doing, "printer", "Printer cable", cable("printer"));
    this.add(doing, "terminal", "Terminal cable", cable("terminal"));
    this.add(doing, "scale", "Scale cable", cable("scale"));
    this.add(doing, "still", "Goods on the scale lie still", (still) => ask("scale", { grams: this.grams, stable: still }));
    byId("drawer-box").addEventListener("click", () => {
      if (byId("drawer-box").dataset["open"] === "true") doing(ask("drawer/close", null));
    });
    setInterval(() => this.tick(), 1000);
  }

  /** @param {(work: Promise<unknown>) => void} doing @param {string} name @param {string} words @param {(on: boolean) => Promise<unknown>} flip */
  add(doing, name, words, flip) {
    const small = el("small");
    const button = el("button", { type: "button", class: "switch", role: "switch", "aria-checked": "true", "data-switch": name, onclick: () => doing(flip(button.getAttribute("aria-checked") !== "true")) }, el("span", {}, words, small));
    this.rows.set(name, { button, small });
    byId("switches").append(el("li", {}, button));
  }

  /** @param {string} name @param {boolean} on @param {string} words what is so now, or what switching off does */
  set(name, on, words) {
    const row = this.rows.get(name);
    if (!row) return;
    row.button.setAttribute("aria-checked", String(on));
    if (row.small.textContent !== words) row.small.textContent = words;
  }

  /** @param {any} state */
  take(state) {
    const { printer, link, scanner, terminal, scale, drawer } = state;
    this.grams = scale.grams;
    const paper = printer.paper !== "out";
    const cover = printer.cover === "closed";
    this.set("paper", paper, paper ? "off: the sale is safe, its receipt waits" : "no paper: receipts wait for a new roll");
    this.set("cover", cover, cover ? "off: nothing is printed until it is shut" : "open: receipts wait until it is shut");
    this.set("link", link.up, link.up ? `off: tills sell on, sales wait on the box; ${inUse(link.connections)}` : "cut: tills sell on, sales wait on the box");
    this.set("scanner", scanner.plugged, scanner.plugged ? "off: lost within seconds, back by itself" : "out: nothing can be scanned");
    this.set("printer", printer.plugged, printer.plugged ? "off: a receipt may break off in the middle" : "out: receipts wait");
    this.set("terminal", terminal.plugged, terminal.plugged ? "off: a payment under way is in doubt" : "out: no card can be taken");
    this.set("scale", scale.plugged, scale.plugged ? "off: the till says so, weights are typed" : "out: nothing can be weighed");
    this.set("still", scale.stable, scale.stable ? "off: a hand is on them, no weight can be taken" : "moving: no weight can be taken");
    byId("lamp").dataset["lamp"] = printerTrouble(printer) ? "person" : "well";
    byId("lid").setAttribute("d", cover ? "M20 62h320" : "M20 62l14-22h292l14 22");
    const [tone, words] = printerTrouble(printer) ?? (printer.paper === "near_end" ? ["wait", "paper near its end"] : ["well", "has paper"]);
    showState(byId("printer-state"), /** @type {any} */ (tone), words);
    this.drawer(drawer);
  }

  /** @param {{pulses: number, open: boolean, opened_at: number}} drawer */
  drawer(drawer) {
    this.openedAt = drawer.open ? drawer.opened_at || this.openedAt || Date.now() : 0;
    this.pulses = drawer.pulses;
    byId("drawer-box").dataset["open"] = String(drawer.open);
    byId("drawer-box").setAttribute("aria-disabled", String(!drawer.open));
    byId("drawer-does").textContent = drawer.open ? "Shut the drawer" : "The drawer is shut; the box opens it";
    byId("pulses").textContent = drawer.open ? "Press the drawer to shut it." : pulsesInWords(drawer.pulses);
    this.tick();
  }

  tick() {
    if (!this.openedAt) {
      showState(byId("drawer-state"), "well", "shut");
      return;
    }
    const seconds = Math.max(0, Math.round((Date.now() - this.openedAt) / 1000));
    showState(byId("drawer-state"), "person", seconds < 120 ? `open, ${seconds}\u00a0s` : `open, ${Math.floor(seconds / 60)}\u00a0min`);
  }
}

/** @param {number} connections */
function inUse(connections) {
  if (connections === 0) return "nobody uses it now";
  return connections === 1 ? "in use" : `${connections} connections`;
}

/** @param {number} pulses */
function pulsesInWords(pulses) {
  if (pulses === 0) return "The box has not opened it yet.";
  return pulses === 1 ? "The box has opened it once." : `The box has opened it ${pulses} times.`;
}

/** @param {{paper: string, cover: string, plugged: boolean, connected: boolean}} printer @returns {[string, string] | null} */
function printerTrouble(printer) {
  if (!printer.plugged) return ["lost", "cable out"];
  if (printer.cover === "open") return ["person", "cover open"];
  if (printer.paper === "out") return ["person", "no paper"];
  return printer.connected ? null : ["person", "not in use"];
}
