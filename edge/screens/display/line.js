// The display's line to the box: it listens, and asks for nothing but what it may see.
import { link, take } from "./store.js";

const VIEW = "/api/v1/display";
const SILENCE_MS = 4_000; // without news for so long, ask whether the box is there
const ANSWER_MS_MAX = 2_500;
const AGAIN_MS_MIN = 200;
const AGAIN_MS_MAX = 4_000;
/** A socket that comes back within this time was a hiccup: the total does not flicker. */
const HICCUP_MS = 600;
const NOT_ENROLLED = 401;

/** @type {WebSocket | null} */
let socket = null;
let again = AGAIN_MS_MIN;
let heardAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiccup;

export function listen() {
  addEventListener("online", () => void look());
  addEventListener("offline", lose);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void look());
  setInterval(() => Date.now() - heardAt > SILENCE_MS && void look(), SILENCE_MS / 2);
  void knock();
}

/** Asks for the view: `null` when the box does not answer. */
async function ask() {
  try {
    const response = await fetch(VIEW, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    if (response.status === NOT_ENROLLED) return "stranger";
    return response.ok ? /** @type {import("./protocol").CustomerDisplayView} */ (await response.json()) : null;
  } catch {
    return null;
  }
}

/** A refused socket does not say why: a plain question does. */
async function knock() {
  if (socket) return;
  const said = await ask();
  if (said === null) {
    link.value = "lost";
    plan();
  } else if (said === "stranger") {
    link.value = "stranger";
    plan(AGAIN_MS_MAX);
  } else {
    connect();
  }
}

function connect() {
  clearTimeout(retry);
  if (socket) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}${VIEW}/socket`);
  socket = mine;
  mine.addEventListener("message", (event) => {
    if (mine !== socket) return;
    heardAt = Date.now();
    again = AGAIN_MS_MIN;
    clearTimeout(hiccup);
    hiccup = undefined;
    take(JSON.parse(event.data));
    link.value = "there"; // only with what is true now
  });
  mine.addEventListener("close", () => {
    if (mine !== socket) return;
    socket = null;
    hiccup ??= setTimeout(() => {
      hiccup = undefined;
      if (link.value === "there") link.value = "lost";
    }, HICCUP_MS);
    plan();
  });
}

/** The box did not answer: what is shown may not be true any more. */
function lose() {
  if (link.value === "there") link.value = "lost";
  const old = socket;
  socket = null;
  old?.close();
  plan();
}

/** @param {number} [wait] */
function plan(wait = again) {
  clearTimeout(retry);
  retry = setTimeout(() => void knock(), wait * (0.75 + Math.random() / 2));
  again = Math.min(AGAIN_MS_MAX, again * 1.7);
}

async function look() {
  const asked = socket;
  if (!asked || asked.readyState !== WebSocket.OPEN) return;
  if ((await ask()) !== null) heardAt = Date.now();
  else if (asked === socket) lose();
}
