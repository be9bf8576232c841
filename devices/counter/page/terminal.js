// The card terminal: what it shows, which way the next payment goes, and the keys a person presses.
import { ask, byId, el, icon, money, showState } from "./parts.js";

/** @typedef {"payment" | "refund" | "reversal" | "reservation" | "capture" | "release"} Kind */
/** @typedef {{kind: Kind, amount_minor: number, receipt: string, trace: string, state: string, of: string, at: number}} Booked */
/** @typedef {{booked: Booked[], balance_minor: number, next: string, display: string, asked_minor: number | null, asked_kind: Kind, plugged: boolean, connected: boolean, currency: string}} TerminalState */

const KEYS = /** @type {const} */ ([
  ["approve", "check", "Approve", ""],
  ["decline", "times", "Decline", ""],
  ["stop", "back", "Customer stops", ""],
  ["cut", "lost", "Cut the cable", " key--danger"],
  ["approve_and_cut", "lost", "Approve, then cut", " key--danger"],
]);
const SCRIPTS = /** @type {const} */ ([
  ["approve", "Approve"],
  ["decline", "Decline"],
  ["cut_before_result", "Cut before the result"],
  ["cut_after_approval", "Cut after approval"],
  ["silent", "Say nothing at all"],
]);
const ASKED = { payment: "asked", refund: "to give back", reversal: "to reverse", reservation: "to set aside", capture: "to charge", release: "to set free" };
const HINTS = {
  ask: "A cut in the middle leaves it in doubt: watch what the till says.",
  approve: "What is chosen happens to the next payment or refund; the one after it is approved.",
  decline: "The next payment or refund is declined: nothing is booked.",
  cut_before_result: "Nothing is booked, and the till does not know: watch how it finds out.",
  cut_after_approval: "The money is booked, and the till does not know: watch how it finds out.",
  silent: "The terminal takes the order and never answers.",
};
const LINE_SIGNS = 15;

export class Terminal {
  /** @param {(work: Promise<unknown>) => void} doing tells what was refused */
  constructor(doing) {
    this.asked = false;
    const choose = (/** @type {string} */ next) => doing(ask("terminal", { next }));
    byId("alone").addEventListener("click", () => choose("approve"));
    byId("by-hand").addEventListener("click", () => choose("ask"));
    for (const [key, shape, words, kind] of KEYS)
      byId("press").append(el("button", { type: "button", class: `key${kind}`, "data-key": key, onclick: () => doing(ask("terminal/press", { key })) }, icon(shape), words));
    for (const [next, words] of SCRIPTS)
      byId("scripts").append(el("button", { type: "button", class: "choice", role: "radio", "data-next": next, onclick: () => choose(next) }, el("span", {}, words)));
    byId("scripts").addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      const all = /** @type {HTMLElement[]} */ ([...byId("scripts").children]);
      const here = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      if (!step || here < 0) return;
      event.preventDefault();
      const next = all[(here + step + all.length) % all.length];
      next?.focus();
      next?.click();
    });
  }

  /** @param {TerminalState} state */
  take(state) {
    const byHand = state.next === "ask";
    this.asked = state.asked_minor !== null;
    const words = state.asked_minor === null ? "ready" : `${money(state.asked_minor, state.currency)} ${ASKED[state.asked_kind]}`;
    if (!state.plugged) showState(byId("terminal-state"), "lost", "cable out");
    else if (!state.connected) showState(byId("terminal-state"), "person", "not in use");
    else showState(byId("terminal-state"), this.asked ? "wait" : "well", words);
    this.screen(state);
    byId("alone").setAttribute("aria-pressed", String(!byHand));
    byId("by-hand").setAttribute("aria-pressed", String(byHand));
    byId("press").hidden = !byHand;
    byId("scripts").hidden = byHand;
    for (const key of byId("press").children) key.setAttribute("aria-disabled", String(!this.asked));
    for (const choice of byId("scripts").children) {
      const chosen = choice.getAttribute("data-next") === state.next;
      choice.setAttribute("aria-checked", String(chosen));
      choice.setAttribute("tabindex", chosen ? "0" : "-1");
    }
    const hint = byHand && !this.asked ? "The keys work once the till asks for a card." : HINTS[/** @type {keyof typeof HINTS} */ (state.next)];
    byId("terminal-hint").textContent = hint ?? HINTS.approve;
    this.booked(state);
  }

  /** @param {TerminalState} state */
  screen(state) {
    const [first, second] = state.asked_minor === null ? split(state.display) : [state.display.replace(/:.*/, ""), money(state.asked_minor, state.currency)];
    byId("shows-1").textContent = first;
    byId("shows-2").textContent = second;
    byId("waves").toggleAttribute("hidden", state.asked_minor === null);
  }

  /** @param {TerminalState} state */
  booked(state) {
    const told = JSON.stringify(state.booked);
    if (byId("booked").dataset["told"] === told) return;
    byId("booked").dataset["told"] = told;
    const standing = state.booked.filter((each) => each.state === "booked").length;
    byId("booked-head").textContent = standing === 0 ? "Nothing is booked at the acquirer" : `At the acquirer: ${standing} booked, ${money(state.balance_minor, state.currency)}`;
    const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    const rows = state.booked.toReversed().map((each) => {
      const amount = money(["refund", "reversal"].includes(each.kind) ? -each.amount_minor : each.amount_minor, state.currency);
      const what = each.of ? `${each.kind} of ${each.of}` : each.kind;
      const stands = each.state === "booked";
      return el("tr", {}, el("td", {}, each.receipt), el("td", {}, clock.format(each.at)), el("td", {}, stands ? what : `${what}, taken back`), el("td", { class: "num" }, stands ? amount : el("s", {}, amount)));
    });
    byId("booked").replaceChildren(...(rows.length ? rows : [el("tr", {}, el("td", { colspan: "4" }, "No card was charged yet."))]));
  }
}

/** @param {string} text @returns {[string, string]} */
function split(text) {
  if (text.length <= LINE_SIGNS) return [text, ""];
  const cut = text.lastIndexOf(" ", LINE_SIGNS);
  return cut < 0 ? [text.slice(0, LINE_SIGNS), text.slice(LINE_SIGNS)] : [text.slice(0, cut), text.slice(cut + 1)];
}
