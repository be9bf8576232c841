// What the page knows: the box's view, and what the cashier is in the middle of.
import { computed, signal } from "@preact/signals";

/** @typedef {import("./protocol").TillView} TillView */
/** @typedef {import("./protocol").SessionView} SessionView */
/** @typedef {import("./protocol").LineView} LineView */
/** @typedef {{tone: "" | "well" | "wait" | "person" | "lost", icon: string, lead?: string, words: string, undo?: string, device?: string, unknown?: string}} Message `unknown` is a code that may be sold by department; `device` is in trouble: its words are those of now */
/** @typedef {{key: string, line: LineView, was: LineView[]}} Row */
/** @typedef {{kind: "scale", code: string, name: string, price_minor: number}} ScaleUse */
/** @typedef {{kind: "price", code: string, name: string, quantity: number, unknown: string}} PriceUse `unknown`: the code that nobody knows, sold so */
/** @typedef {{kind: "department", unknown: string}} DepartmentUse */
/** @typedef {{kind: "track", what: "serial" | "lot", code: string, name: string, quantity: number}} TrackUse the number of a piece, or of its lot, is asked */
/** @typedef {PriceUse | DepartmentUse | TrackUse | {kind: "code"} | {kind: "weight", code: string, name: string, price_minor: number} | {kind: "quantity", line: LineView} | ScaleUse} PadUse */
/**
 * What a person sets by hand, as far as it is typed. `line` is empty for the whole sale; `sent` is the id of the
 * command that is on its way, `last` what was sent under which id: the very same wish goes again under the same one.
 * @typedef {{kind: "discount" | "price" | "note" | "drawer", line: string, percent: boolean, digits: string, text: string, sent: string, last: {body: string, id: string} | null}} Hand
 */

/**
 * This sale is being set aside (`till`: handed to one, or empty; `touched`: no screen keyboard unasked), or one is chosen from the list (`place`: where it stood).
 * @typedef {{kind: "park", label: string, till: string, touched: boolean, sent: string, last: {body: string, id: string} | null} | {kind: "resume", at: string, place: number}} Parking
 */
/** @typedef {{code: string, name: string, unit: string, price_minor: number, line: string}} ReturnedArticle `line` of the sale that a scan had put it into */
/**
 * Goods that come back, as far as it is chosen: the receipt is looked for by `text`, of its sale the quantities `picked` by
 * line come back (`at` is the line that keys are for); or without a receipt an `article`. `done` lines are in the sale;
 * `touched`: no screen keyboard unasked; `sent` and `last` as above.
 * @typedef {{step: "find" | "sold" | "item", text: string, asking: string, fault: string, code: string, sold: import("./protocol").SoldSaleView | null, picked: Record<string, number>, at: string,
 *   article: ReturnedArticle | null, quantity: number, found: import("./protocol").ArticleView[] | null, foundAt: number, reason: string, done: number, touched: boolean, sent: string, last: {body: string, id: string} | null}} Returning
 */
/** @typedef {"cash" | "card" | "gift_card" | "points" | "house_account" | "voucher" | "manual_card" | "foreign_cash"} Way */
/**
 * A tender beside cash and card as far as it is typed: `references` by way, the notes' `currency`, what was `asked` to be
 * pressed again; `sent` and `last` as above.
 * @typedef {{references: Partial<Record<Way, string>>, currency: string, asked: string, sent: string, last: {body: string, id: string} | null}} Tendering
 */

/**
 * A card in doubt that people settle (`attach`: from evidence), or have taken back (`reverse`), as far as it is typed. `approved` is
 * what the evidence says, null before it is chosen; `sent` and `last` as above.
 * @typedef {{kind: "attach" | "reverse", payment: string, approved: boolean | null, source: "slip" | "portal", receipt: string, trace: string, terminal: string, amount: string, reason: string, sent: string, last: {body: string, id: string} | null}} Settling
 */

/** `null` until the box said; `false` shows the enrolment page. */
export const enrolled = signal(/** @type {boolean | null} */ (null));
export const session = signal(/** @type {SessionView | null} */ (null));
export const view = signal(/** @type {TillView | null} */ (null));
export const quickPages = signal(/** @type {import("./protocol").QuickKeyPageView[]} */ ([]));
/** Since when the box does not answer, in ms since 1970; null when it does. */
export const boxLostSince = signal(/** @type {number | null} */ (null));
/** Wishes on their way to the box, oldest first. */
export const waiting = signal(/** @type {import("./command_queue").Wish[]} */ ([]));

/** What is typed into the search box, and how often the next article counts (thousandths). */
export const typed = signal("");
export const nextQuantity = signal(1000);
/** What the pad in the desk is for; null shows the quick keys. */
export const pad = signal(/** @type {PadUse | null} */ (null));
export const padDigits = signal("");
/** A discount, a price, a note or a drawer in the quick keys' place. */
export const hand = signal(/** @type {Hand | null} */ (null));
/** A sale set aside, or taken up again, in the quick keys' place. */
export const parking = signal(/** @type {Parking | null} */ (null));
/** Goods that come back, in the quick keys' place. */
export const returning = signal(/** @type {Returning | null} */ (null));
/** @param {boolean} touched @returns {Returning} */
export const newReturning = (touched) => ({ step: "find", text: "", asking: "", fault: "", code: "", sold: null, picked: {}, at: "", article: null, quantity: 1000, found: null, foundAt: 0, reason: "", done: 0, touched, sent: "", last: null });
/** What waits for a second person's PIN. */
export const approval = signal(/** @type {import("./approving").Approval | null} */ (null));
export const pageId = signal("");
/** On phones one pane is in sight. */
export const pane = signal(/** @type {"basket" | "keys"} */ ("basket"));
export const chosenLine = signal("");

export const payingDesk = signal(false);
/** Pay was pressed while the last article was on its way: it opens once the total is known. */
export const payAsked = signal(false);
export const way = signal(/** @type {Way} */ ("cash"));
/** @returns {Tendering} */
const nothingTendered = () => ({ references: {}, currency: "", asked: "", sent: "", last: null });
export const tendering = signal(nothingTendered());
/** Digits typed for the amount; empty means all that is due, or nothing yet where only a person can know it. */
export const amountDigits = signal("");
export const cancelAsked = signal(false);
/** Until when a second press gives the sale up; 0 for not asked. */
export const abandonAskedAt = signal(0);

export const message = signal(/** @type {Message | null} */ (null));
export const sheet = signal(/** @type {null | "keys" | "connection" | "choices" | "approval" | "more" | "price" | "alarms" | "customer" | "email" | "tip"} */ (null));
export const lastSale = signal(/** @type {{receipt: string, total: number} | null} */ (null));
/** A card in doubt that is being settled by people. */
export const settling = signal(/** @type {Settling | null} */ (null));
export const now = signal(Date.now());

/**
 * The slip's rows: a line and, oldest first, the lines whose quantity it puts right. Such a line stays in its
 * first place under one key, however often it is counted anew; a line that a person voided is a row of its own.
 */
export const rows = computed(() => {
  /** @type {Map<string, Row>} */
  const byLine = new Map();
  const all = /** @type {Row[]} */ ([]);
  for (const line of view.value?.lines ?? []) {
    const place = line.replaces ? byLine.get(line.replaces) : undefined;
    if (place?.line.voided && place.line.sku === line.sku) {
      place.was.push(place.line);
      place.line = line;
      byLine.set(line.line_id, place);
      continue;
    }
    const row = { key: line.line_id, line, was: [] };
    byLine.set(line.line_id, row);
    all.push(row);
  }
  return all;
});
export const liveLines = computed(() => rows.value.map((row) => row.line).filter((line) => !line.voided));
/** Whether there is something to pay for, or to give back: a tip goes back without goods too. */
export const hasContent = computed(() => liveLines.value.length > 0 || (view.value?.tips_from.length ?? 0) > 0);
export const currency = computed(() => view.value?.currency || session.value?.currency || "EUR");

/** Which picture is shown; the style sheets go by it. */
export const screen = computed(() => {
  if (enrolled.value === null || (enrolled.value && session.value === null)) return "opening";
  if (!enrolled.value) return "enrol";
  if (!session.value?.cashier) return "signin";
  if (!view.value) return "opening";
  switch (view.value.state) {
    case "idle":
      return "idle";
    case "open":
      return payingDesk.value && hasContent.value ? "paying" : "sell";
    case "paying":
      return "paying";
    case "in_doubt":
      return "indoubt";
    case "done":
      return "change";
  }
});

export const chosen = computed(() => {
  const lines = liveLines.value;
  return lines.find((line) => line.line_id === chosenLine.value) ?? lines.filter((line) => !line.deposit_of).at(-1) ?? null;
});

/** What the amount pad stands at, in minor units. */
export const amount = computed(() => {
  if (amountDigits.value !== "") return Number(amountDigits.value);
  return way.value === "manual_card" || way.value === "foreign_cash" ? 0 : (view.value?.due_minor ?? 0);
});

/** Forgets what belonged to the last sale. */
export function beginAnew() {
  payingDesk.value = false;
  amountDigits.value = "";
  chosenLine.value = "";
  cancelAsked.value = false;
  abandonAskedAt.value = 0;
  way.value = "cash";
  tendering.value = nothingTendered();
  parking.value = null;
  settling.value = null;
  if (hand.value?.kind !== "drawer") hand.value = null;
}

/** Forgets everything of the cashier who left. */
export function forgetCashier() {
  beginAnew();
  payAsked.value = false;
  typed.value = "";
  nextQuantity.value = 1000;
  pad.value = null;
  hand.value = null;
  returning.value = null;
  approval.value = null;
  sheet.value = null;
  message.value = null;
  view.value = null;
  lastSale.value = null;
}
