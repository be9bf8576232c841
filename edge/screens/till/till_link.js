// The open line to the box: views as they come, newest wins; says when the box is away and takes it up again.
import { ask, isThere, Refusal } from "./box_api.js";
import { tryNow } from "./command_queue.js";
import { boxLostSince, enrolled, session, view } from "./store.js";

/** @typedef {import("./protocol").TillView} TillView */

const SILENCE_MS = 4_000; // without a view for so long, ask whether the box is there
const AGAIN_MS_MIN = 200;
const AGAIN_MS_MAX = 4_000;
/** A socket that comes back within this time was a hiccup: the sign does not flicker. */
const HICCUP_MS = 600;

/** @type {WebSocket | null} */
let socket = null;
let wanted = false;
let again = AGAIN_MS_MIN;
let heardAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiccup;
/** @type {(next: TillView) => void} */
let take = () => {};
/** @type {() => void} */
let signedOut = () => {};

/** @param {{view: (next: TillView) => void, signedOut: () => void}} heard */
export function listenToBox(heard) {
  take = heard.view;
  signedOut = heard.signedOut;
  addEventListener("online", () => void look());
  addEventListener("offline", () => lose());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void look());
  setInterval(() => {
    if (wanted && Date.now() - heardAt > SILENCE_MS) void look();
  }, SILENCE_MS / 2);
}

/** Opens the line of the signed-in till. */
export function openLink() {
  wanted = true;
  if (!socket) connect();
}

/** Closes it: nobody is signed in. */
export function closeLink() {
  wanted = false;
  clearTimeout(retry);
  const old = socket;
  socket = null;
  old?.close();
}

/** The box did not answer. */
export function lose() {
  if (boxLostSince.value === null) boxLostSince.value = Date.now();
  const old = socket;
  socket = null;
  old?.close();
  if (wanted) plan();
}

function connect() {
  clearTimeout(retry);
  const till = session.value?.till;
  if (!wanted || socket || !till) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const after = view.value?.version ?? 0;
  const mine = new WebSocket(`${scheme}://${location.host}/api/v1/tills/${encodeURIComponent(till)}/socket?after=${after}`);
  socket = mine;
  if (!view.value) void askFirstView(till, mine);
  mine.addEventListener("open", () => {
    if (mine === socket) found();
  });
  mine.addEventListener("message", (event) => {
    if (mine !== socket) return;
    heardAt = Date.now();
    performance.mark("view-heard");
    take(JSON.parse(event.data));
  });
  mine.addEventListener("close", () => {
    if (mine !== socket) return;
    socket = null;
    hiccup ??= setTimeout(() => {
      hiccup = undefined;
      if (!socket && wanted && boxLostSince.value === null) boxLostSince.value = Date.now();
    }, HICCUP_MS);
    plan();
  });
}

/** A socket takes a browser some 50 ms to open, an answer 5. @param {string} till @param {WebSocket} mine */
async function askFirstView(till, mine) {
  try {
    const next = await ask("GET", `/api/v1/tills/${encodeURIComponent(till)}/view`, undefined, SILENCE_MS);
    if (mine === socket && !view.value) take(next);
  } catch {
    // the socket hears what is the matter
  }
}

function found() {
  heardAt = Date.now();
  again = AGAIN_MS_MIN;
  clearTimeout(hiccup);
  hiccup = undefined;
  boxLostSince.value = null;
  tryNow();
}

function plan() {
  clearTimeout(retry);
  retry = setTimeout(() => void knock(), again * (0.75 + Math.random() / 2));
  again = Math.min(AGAIN_MS_MAX, again * 1.7);
}

/** A refused socket does not say why: the session does. */
async function knock() {
  if (!wanted || socket) return;
  try {
    const now = await ask("GET", "/api/v1/session", undefined, SILENCE_MS);
    if (!now.cashier) {
      session.value = now;
      signedOut();
      return;
    }
    connect();
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) {
      enrolled.value = false;
      signedOut();
      return;
    }
    if (boxLostSince.value === null) boxLostSince.value = Date.now();
    plan();
  }
}

async function look() {
  if (!wanted || !socket || socket.readyState !== WebSocket.OPEN) return;
  const asked = socket;
  if (await isThere()) heardAt = Date.now();
  else if (asked === socket) lose();
}
