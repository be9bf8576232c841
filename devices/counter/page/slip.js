// The paper: slips come out of the printer as they would look, are torn off, and can be leafed through.
import { barsPath, code128Bars } from "./bars.js";
import { ask, byId, el, svg } from "./parts.js";
import { qrModules, qrPath } from "./qr.js";

/** @typedef {{text: string, bold?: boolean, height?: number, width?: number, mark?: string, png?: string, left_dots?: number, width_dots?: number}} SlipLine */
/** @typedef {{lines: SlipLine[]}} Slip */

const BARS_HIGH = 40;
const QUIET_MODULES = 4;
const MEASURED_SIGNS = 100;
const SIGN_DOTS = 12;

export class Paper {
  constructor() {
    /** @type {string | null} what hangs out now; null before the counter has told */
    this.hanging = null;
    /** @type {Slip[]} */
    this.slips = [];
    this.at = -1;
    this.count = 0;
    byId("slot").style.setProperty("--sign", String(signWidth()));
    byId("tear").addEventListener("click", () => this.tear());
    byId("older").addEventListener("click", () => void this.leaf(-1));
    byId("newer").addEventListener("click", () => void this.leaf(1));
  }

  /** @param {{slip: Slip | null, printer: {slips: number, hanging: SlipLine[]}}} state */
  take(state) {
    const { slip } = state;
    this.count = state.printer.slips;
    const coming = state.printer.hanging.some((line) => line.text.trim()) ? { lines: state.printer.hanging } : null;
    const told = JSON.stringify(coming ?? slip);
    if (told === this.hanging) return;
    const first = this.hanging === null;
    this.hanging = told;
    this.slips = [];
    this.at = -1;
    if (coming) this.show(coming, "Receipt that is being printed", false);
    else if (slip) this.show(slip, "Last receipt", !first);
    else this.nothing("Nothing has come out yet. Sell something: the receipt comes out here.");
    this.told();
  }

  /** The QR code of the slip in sight, or "". */
  code() {
    return byId("slot").querySelector("[data-qr]")?.getAttribute("data-qr") ?? "";
  }

  tear() {
    const paper = byId("slot").firstElementChild;
    if (!paper?.classList.contains("receipt")) return;
    paper.classList.remove("receipt--coming");
    paper.classList.add("receipt--torn");
    const gone = () => this.nothing("Torn off. The next receipt comes out here; older ones are kept.");
    const motion = paper.getAnimations();
    if (motion.length === 0) gone();
    else void Promise.allSettled(motion.map((each) => each.finished)).then(() => paper.isConnected && gone());
  }

  /** @param {number} step */
  async leaf(step) {
    if (this.slips.length === 0) {
      this.slips = (await ask("slips")).slips;
      this.at = this.slips.length - (byId("slot").querySelector(".receipt") ? 1 : 0);
    }
    const to = Math.min(Math.max(this.at + step, 0), this.slips.length - 1);
    const slip = this.slips[to];
    if (slip) {
      this.at = to;
      this.show(slip, `Receipt ${to + 1} of ${this.slips.length}`, false);
    }
    this.told();
  }

  told() {
    const kept = this.slips.length || this.count;
    const words = this.at >= 0 && this.slips.length ? `${this.at + 1} of ${kept}` : `${kept} came out`;
    byId("which").textContent = kept ? words : "";
  }

  /** @param {string} words */
  nothing(words) {
    byId("slot").replaceChildren(el("p", { class: "slot__empty" }, words));
  }

  /** @param {Slip} slip @param {string} name @param {boolean} comes */
  show(slip, name, comes) {
    const paper = el("article", { class: `receipt torn${comes ? " receipt--coming" : ""}`, "aria-label": name, tabindex: "0" });
    const columns = Math.max(32, ...slip.lines.map((line) => columnsOf(line)));
    paper.style.setProperty("--columns", String(columns));
    paper.append(...trimmed(slip.lines).map(lineOf));
    byId("slot").replaceChildren(paper);
  }
}

/** How wide a sign of this device's own monospace is, in its size: paper is filled from edge to edge. */
function signWidth() {
  const probe = el("pre", { class: "receipt probe" }, "0".repeat(MEASURED_SIGNS));
  byId("slot").append(probe);
  const ratio = probe.getBoundingClientRect().width / MEASURED_SIGNS / Number.parseFloat(getComputedStyle(probe).fontSize);
  probe.remove();
  return ratio > 0 ? ratio : 0.6021;
}

/** @param {SlipLine[]} lines */
function trimmed(lines) {
  const filled = lines.map((line) => Boolean(line.text.trim() || line.png));
  return lines.slice(filled.indexOf(true), filled.lastIndexOf(true) + 1);
}

/** @param {SlipLine} line */
const columnsOf = (line) => (line.png ? ((line.left_dots ?? 0) + (line.width_dots ?? 0)) / SIGN_DOTS : line.mark ? 0 : line.text.length * ((line.width ?? 1) > 1 && !line.text.startsWith(" ") ? (line.width ?? 1) : 1));

/** @param {SlipLine} line @returns {Node} */
function lineOf(line) {
  if (line.png) return pictureOf(line);
  const marked = /^\s*\[([^\]]+)\] (.*)$/s.exec(line.text);
  if (line.mark === "qr" && marked) return qrOf(marked[2] ?? "");
  if (line.mark === "barcode" && marked) return barcodeOf(marked[1] ?? "", marked[2] ?? "");
  const [height, width] = [line.height ?? 1, line.width ?? 1];
  const node = el("pre", { class: line.bold ? "bold" : "", dir: "auto" });
  if (height === 1 && width === 1) {
    node.textContent = line.text || " ";
    return node;
  }
  // spaces before an aligned text are of single width, as the printer moved over them
  const gap = /^ */.exec(line.text)?.[0] ?? "";
  const big = el("span", { class: "big" }, line.text.slice(gap.length));
  node.append(gap, big);
  node.style.setProperty("--high", String(height));
  node.style.setProperty("--wide", String(width));
  node.classList.add("loud");
  return node;
}

/** A picture as large as its dots are beside the signs of the text. @param {SlipLine} line @returns {Node} */
function pictureOf(line) {
  const picture = el("img", { class: "receipt__picture", alt: "Line printed as a picture", src: `data:image/png;base64,${line.png ?? ""}` });
  picture.style.setProperty("--left", String((line.left_dots ?? 0) / SIGN_DOTS));
  picture.style.setProperty("--signs", String((line.width_dots ?? 0) / SIGN_DOTS));
  return picture;
}

/** @param {string} data @returns {Node} */
function qrOf(data) {
  const grid = qrModules(data);
  if (!grid) return el("pre", {}, data);
  const side = grid.length + 2 * QUIET_MODULES;
  const box = `${-QUIET_MODULES} ${-QUIET_MODULES} ${side} ${side}`;
  return el("figure", { class: "receipt__code", role: "img", "aria-label": `QR code: ${data}`, "data-qr": data }, svg(box, `<path d="${qrPath(grid)}"/>`, "qr"));
}

/** @param {string} kind @param {string} text @returns {Node} */
function barcodeOf(kind, text) {
  const widths = kind === "CODE128" ? code128Bars(text) : "";
  const node = el("figure", { class: "receipt__code", role: "img", "aria-label": `Bar code: ${text}` });
  if (widths) {
    const bars = barsPath(widths, BARS_HIGH);
    node.append(svg(`-10 0 ${bars.width + 20} ${BARS_HIGH}`, `<path d="${bars.path}"/>`, "code128"));
  }
  node.append(el("figcaption", {}, widths ? text : `${kind} ${text}`));
  return node;
}
