// From a loaded page to a cashier at the till: enrolment, sign-in, sign-out, the lock.
import { effect, signal } from "@preact/signals";
import { deviceLanguage } from "../kit/choices.js";
import { takeBrand } from "../kit/branding.js";
import { nearest, say, speak } from "../kit/words.js";
import { ask, Refusal, Silence } from "./box_api.js";
import { handAnswered, handLate, handRefused } from "./by_hand.js";
import { emptiesRefused } from "./empties.js";
import { trackedAnswered, trackedRefused } from "./tracking.js";
import { openAnswered, openRefused } from "./open_prices.js";
import { busy, dropWishes, listenToAnswers, resumeWishes } from "./command_queue.js";
import { settlingAnswered, settlingLate, settlingRefused } from "./evidence.js";
import { takeRefusal, takeView, tell, why } from "./happenings.js";
import { parkingAnswered, parkingRefused } from "./parking.js";
import { refundAnswered, refundLate, refundRefused } from "./refunds.js";
import { returnAnswered, returnLate, returnRefused } from "./returns.js";
import { couponAnswered } from "./coupons.js";
import { emailAnswered } from "./emailing.js";
import { againAnswered } from "./printing_again.js";
import { tenderAnswered, tenderLate, tenderRefused } from "./tenders.js";
import { tipAnswered, tipRefused } from "./tips.js";
import { trainingAnswered, trainingRefused } from "./training.js";
import { closeLink, listenToBox, lose, openLink } from "./till_link.js";
import * as store from "./store.js";

/** A till that nobody touched for so long locks itself; the sale stays on the box. */
export const LOCK_AFTER_MINUTES = 15;
const LOOK_EVERY_MS = 10_000;
const MINUTE_MS = 60_000;
const AGAIN_MS = 1_500;
/** Staff arrive with the first contact to head office. */
const STAFF_AGAIN_MS = 3_000;

/** A catalogue comes in many pages: the keys are read after a moment, not after each. */
const CALM_MS = 500;

let touchedAt = Date.now();
/** Which goods the quick keys are of; `null` before there are any. */
const goods = signal(/** @type {string | null} */ (null));
/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;

/** Finds out who and what this device is. */
export async function begin() {
  listenToBox({ view: (next) => (touched(), takeView(next)), signedOut: () => leave() });
  listenToAnswers({
    answered: (view, one) => {
      takeView(view);
      openAnswered(one);
      trackedAnswered(one);
      handAnswered(one);
      parkingAnswered(one);
      tenderAnswered(one);
      returnAnswered(one);
      refundAnswered(one);
      againAnswered(one);
      emailAnswered(one);
      settlingAnswered(one);
      couponAnswered(one);
      trainingAnswered(one);
      tipAnswered(one);
    },
    refused: (refusal, one) => {
      if (refusal.status === 401) return leave(refusal);
      parkingRefused(one);
      if (openRefused(refusal, one) || trackedRefused(refusal, one) || emptiesRefused(refusal, one) || handRefused(refusal, one) || tenderRefused(refusal, one) || returnRefused(refusal, one) || refundRefused(refusal, one) || settlingRefused(refusal, one) || trainingRefused(refusal, one) || tipRefused(refusal, one)) return undefined;
      takeRefusal(refusal);
      // a code that was refused stays typed: it is put right, not typed anew
      if (one.command.type === "add_item" && one.name === one.command.code && !store.typed.value) store.typed.value = one.command.code.slice(0, 40);
      return undefined;
    },
    silent: lose,
    late: (one) => {
      tenderLate(one);
      returnLate(one);
      refundLate(one);
      settlingLate(one);
      handLate(one);
    },
  });
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, touched, { capture: true, passive: true });
  setInterval(watchIdle, LOOK_EVERY_MS);
  effect(followGoods);
  tick();
  void ask("GET", "/branding.json").then(takeBrand, () => undefined);
  await deviceSpeaks();
  const code = new URLSearchParams(location.hash.slice(1)).get("enrol");
  if (code) {
    history.replaceState(null, "", location.pathname + location.search); // the code is spent: not kept in the history
    const refused = await enrol(code);
    if (!refused) return;
    await look();
    if (!store.enrolled.value) tell(refused);
    return;
  }
  await look();
}

function touched() {
  touchedAt = Date.now();
}

/** Asks until the box answers who this device is. */
async function look() {
  for (;;) {
    try {
      take(await ask("GET", "/api/v1/session"));
      return;
    } catch (error) {
      if (error instanceof Refusal) {
        store.enrolled.value = false;
        return;
      }
      store.boxLostSince.value ??= Date.now();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** @param {import("./protocol").SessionView} session */
function take(session) {
  store.boxLostSince.value = null;
  store.enrolled.value = true;
  store.session.value = session;
  document.title = say("till_named", { till: tillName(session.till) });
  if (session.cashier) enter(session.cashier.language);
  else if (session.staff.length === 0) setTimeout(() => void look(), STAFF_AGAIN_MS);
}

/** `till-2` is till 2 to people. @param {string} till */
export const tillName = (till) => till.replace(/^till-/, "");

/** @param {string} speaks */
function enter(speaks) {
  touched();
  const own = nearest(speaks);
  if (own) void speak(own);
  openLink();
  resumeWishes();
  void loadKeys();
}

/** Reads the quick keys anew where the box has other goods or prices: at a book's instant, and as head office sends some. */
function followGoods() {
  const now = store.view.value?.goods;
  if (now === undefined || goods.value === null || now === goods.value) return;
  later ??= setTimeout(() => {
    later = undefined;
    if (store.session.value?.cashier) void loadKeys();
  }, CALM_MS);
}

async function loadKeys() {
  try {
    const { pages, goods: now } = await ask("GET", "/api/v1/quick-keys");
    goods.value = now ?? null;
    store.quickPages.value = pages;
    if (!pages.some((/** @type {{id: string}} */ page) => page.id === store.pageId.value)) store.pageId.value = pages[0]?.id ?? "";
  } catch (error) {
    if (error instanceof Silence && store.session.value?.cashier) setTimeout(() => void loadKeys(), AGAIN_MS);
  }
}

/** Makes this device a till. Returns why not, or "". @param {string} code */
export async function enrol(code) {
  try {
    take(await ask("POST", "/api/v1/enrol", { code: code.trim(), label: deviceLabel() }));
    return "";
  } catch (error) {
    return why(error);
  }
}

function deviceLabel() {
  const { width, height } = window.screen;
  return `browser ${width}x${height}`;
}

/** Signs a cashier in. Returns why not, or "". @param {string} cashier @param {string} pin */
export async function signIn(cashier, pin) {
  try {
    store.forgetCashier();
    take(await ask("POST", "/api/v1/session", { cashier, pin }));
    return "";
  } catch (error) {
    return why(error);
  }
}

/** Signs the cashier out; an open sale stays on the box. */
export async function signOut() {
  if (busy.value) return; // a wish is on its way: it is answered first
  try {
    const session = await ask("DELETE", "/api/v1/session");
    leave();
    store.session.value = session;
  } catch (error) {
    store.sheet.value = null;
    if (error instanceof Refusal) leave(error);
    else tell(`${say("box_lost_title")} ${say("box_lost_words")}`, "person");
  }
}

/** @param {Refusal} [refusal] why, when it was not the cashier's wish */
function leave(refusal) {
  closeLink();
  dropWishes();
  store.forgetCashier();
  const session = store.session.value;
  if (session) store.session.value = { ...session, cashier: null };
  void deviceSpeaks();
  if (refusal?.code === "not_enrolled") store.enrolled.value = false;
  if (refusal) takeRefusal(refusal);
  else if (store.enrolled.value) void look();
}

/** The sign-in page speaks the language of the device. */
async function deviceSpeaks() {
  const asked = deviceLanguage.value || navigator.languages.map(nearest).find((tag) => tag !== null) || "en";
  await speak(nearest(asked) ?? "en");
}

/** The clock changes as the minute does. */
function tick() {
  store.now.value = Date.now();
  setTimeout(tick, MINUTE_MS - (Date.now() % MINUTE_MS));
}

function watchIdle() {
  store.now.value = Date.now(); // how old parked sales are
  const state = store.view.value?.state;
  if (!store.session.value?.cashier || state === "paying" || store.boxLostSince.value !== null) return;
  if (Date.now() - touchedAt < LOCK_AFTER_MINUTES * MINUTE_MS) return;
  void signOut().then(() => tell(say("locked_idle", { n: LOCK_AFTER_MINUTES })));
}
