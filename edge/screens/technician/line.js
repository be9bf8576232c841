// The wall's line to the box: the whole wall as it changes, newest wins; it comes back by itself.
import { ask, Refusal } from "../till/box_api.js";
import { live, view } from "./store.js";

const AGAIN_MS_MIN = 200;
const AGAIN_MS_MAX = 4_000;
const SILENCE_MS = 4_000; // without news for so long, ask whether the box is there
const ANSWER_MS_MAX = 2_500;

/** @type {WebSocket | null} */
let socket = null;
let wanted = false;
let again = AGAIN_MS_MIN;
let heardAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;
/** @type {() => void} */
let over = () => {};

/** @param {() => void} signedOut called when nobody is signed in any more */
export function openLine(signedOut) {
  over = signedOut;
  wanted = true;
  if (!socket) void knock();
}

export function closeLine() {
  wanted = false;
  clearTimeout(retry);
  const old = socket;
  socket = null;
  old?.close();
}

/** A refused socket does not say why: a plain question does, and has the first view. */
async function knock() {
  if (!wanted || socket) return;
  try {
    view.value = await ask("GET", "/api/v1/technician/devices", undefined, ANSWER_MS_MAX);
    live.value = true;
    connect();
  } catch (error) {
    if (error instanceof Refusal) over();
    else plan();
  }
}

function connect() {
  if (!wanted || socket) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/api/v1/technician/socket`);
  socket = mine;
  mine.addEventListener("message", (event) => {
    if (mine !== socket) return;
    heardAt = Date.now();
    again = AGAIN_MS_MIN;
    view.value = JSON.parse(event.data);
    live.value = true;
  });
  mine.addEventListener("close", () => {
    if (mine !== socket) return;
    socket = null;
    plan();
  });
}

function plan() {
  live.value = false;
  clearTimeout(retry);
  retry = setTimeout(() => void knock(), again * (0.75 + Math.random() / 2));
  again = Math.min(AGAIN_MS_MAX, again * 1.7);
}

async function look() {
  const asked = socket;
  if (!wanted || !asked || asked.readyState !== WebSocket.OPEN || Date.now() - heardAt < SILENCE_MS) return;
  try {
    await ask("GET", "/branding.json", undefined, ANSWER_MS_MAX);
    heardAt = Date.now();
  } catch {
    if (asked !== socket) return;
    socket = null;
    asked.close();
    plan();
  }
}

setInterval(() => void look(), SILENCE_MS / 2);
addEventListener("online", () => void look());
