// Who is signed in, and the open line: sales as they arrive, taken up again where it broke.
import { ask, Refusal } from "./office_api.js";
import { countSale, forgetFigures } from "./figures.js";
import { readHistory } from "./history.js";
import * as store from "./store.js";

/** @typedef {import("./protocol").SaleView} SaleView */

const AGAIN_MS_MIN = 500;
const AGAIN_MS_MAX = 8_000;
/** A line that is back within this time was a hiccup: the sign does not flicker. */
const HICCUP_MS = 900;
/** A dead line may look open: head office is asked who is signed in, so often. */
const SIGN_OF_LIFE_MS = 15_000;

/** @type {EventSource | null} */
let line = null;
/** The place of the newest sale that this page has. */
let newest = 0;
let again = AGAIN_MS_MIN;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiccup;
/** @type {(sales: SaleView[]) => void} */
let arrived = () => {};

/** Finds out who is signed in, and keeps the line open. @param {(sales: SaleView[]) => void} told */
export function begin(told) {
  arrived = told;
  setInterval(() => void look(), SIGN_OF_LIFE_MS);
  setInterval(() => (store.now.value = Date.now()), 1000);
  addEventListener("online", () => void look());
  addEventListener("offline", () => lose());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void look());
  void start();
}

/** Signs a person in. Returns the refusal, or null. Raises Silence. @param {string} user @param {string} password */
export async function signIn(user, password) {
  try {
    const session = await ask("POST", "/api/v1/session", { user, password });
    enter(session.user);
    await start();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

export async function signOut() {
  try {
    await ask("DELETE", "/api/v1/session");
  } catch (error) {
    if (!(error instanceof Refusal)) {
      lose();
      return; // still signed in there: the sign says that head office does not answer
    }
  }
  leave(false);
}

/** @param {string} name */
function enter(name) {
  store.signedOut.value = false;
  store.user.value = name;
}

/** Forgets everything that was seen. @param {boolean} ended by head office, not by the person */
function leave(ended) {
  close();
  clearTimeout(retry);
  clearTimeout(hiccup);
  hiccup = undefined;
  newest = 0;
  forgetFigures();
  store.ready.value = false;
  store.stores.value = [];
  store.sales.value = [];
  store.alarms.value = [];
  store.profiles.value = new Map();
  store.capped.value = false;
  store.opened.value = null;
  store.lostSince.value = null;
  store.signedOut.value = ended;
  store.user.value = "";
}

/** Reads what is there, then listens; comes back to it until head office answers. */
async function start() {
  clearTimeout(retry);
  try {
    enter((await ask("GET", "/api/v1/session")).user);
    if (!store.ready.value) {
      forgetFigures();
      store.sales.value = [];
      newest = await readHistory();
      store.ready.value = true;
    }
    open();
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) {
      leave(store.ready.value);
      return;
    }
    lose();
  }
}

function open() {
  close();
  const mine = new EventSource(`/api/v1/events?after=${newest}`);
  line = mine;
  mine.addEventListener("open", () => mine === line && found());
  mine.addEventListener("sale", (event) => mine === line && take([JSON.parse(event.data)]));
  mine.addEventListener("stores", (event) => {
    if (mine !== line) return;
    found();
    store.stores.value = JSON.parse(event.data).stores;
  });
  mine.addEventListener("alarms", (event) => mine === line && (store.alarms.value = JSON.parse(event.data).alarms));
  mine.addEventListener("alarm", (event) => mine === line && store.putAlarm(JSON.parse(event.data)));
  mine.addEventListener("error", () => {
    if (mine !== line) return;
    hiccup ??= setTimeout(() => {
      hiccup = undefined;
      if (line === null || line.readyState !== EventSource.OPEN) store.lostSince.value ??= Date.now();
    }, HICCUP_MS);
    // the browser comes back by itself, unless head office answered with something else
    if (mine.readyState === EventSource.CLOSED) {
      close();
      plan();
    }
  });
}

function close() {
  line?.close();
  line = null;
}

function found() {
  again = AGAIN_MS_MIN;
  clearTimeout(hiccup);
  hiccup = undefined;
  store.lostSince.value = null;
}

/** Head office did not answer. */
function lose() {
  store.lostSince.value ??= Date.now();
  close();
  plan();
}

function plan() {
  clearTimeout(retry);
  retry = setTimeout(() => void start(), again * (0.75 + Math.random() / 2));
  again = Math.min(AGAIN_MS_MAX, again * 1.7);
}

async function look() {
  if (!line) return;
  const asked = line;
  try {
    await ask("GET", "/api/v1/session");
    if (asked === line && asked.readyState !== EventSource.OPEN) open();
  } catch (error) {
    if (asked !== line) return;
    if (error instanceof Refusal && error.status === 401) leave(true);
    else lose();
  }
}

/** @param {SaleView[]} told in order of arrival */
function take(told) {
  const fresh = told.filter((sale) => sale.arrival > newest && countSale(sale));
  const last = fresh.at(-1);
  if (!last) return;
  newest = last.arrival;
  store.sales.value = [...fresh.reverse(), ...store.sales.value].slice(0, store.SALES_KEPT);
  arrived(fresh);
}
