// From a loaded page to a technician at the wall: which screen this is, sign-in, sign-out.
import { ask, Refusal } from "../till/box_api.js";
import { nearest } from "../kit/words.js";
import { kindName, tillName } from "./device_words.js";
import { closeLine, openLine } from "./line.js";
import { deviceTalks, isWord, say, talk } from "./technician_words.js";
import * as store from "./store.js";

const AGAIN_MS = 1_500;
/** Refusals that only a page gets which is another one than the box's own of today. */
const PAGE_UNFIT = new Set(["misdirected", "foreign_origin", "encoding_refused", "body_not_expected", "wrong_content_type", "bad_request", "json_not_strict", "not_json", "wrong_shape", "json_too_deep", "not_found", "method_not_allowed", "too_large", "expectation_failed", "event_too_large", "not_allowed", "service_token_wrong", "another_till"]);

/** Says why something was not done, in the reader's language where the code is known. @param {unknown} error */
export function why(error) {
  if (!(error instanceof Refusal)) return say("silent");
  const word = PAGE_UNFIT.has(error.code) ? "refusal_page_unfit" : `refusal_${error.code}`;
  const { role, till } = error.params;
  const params = { ...error.params, ...(role ? { role: kindName(role) } : {}), ...(till ? { till: tillName(till) } : {}) };
  return isWord(word) ? say(word, params) : [error.message, error.advice].filter(Boolean).join(" ");
}

/** Asks until the box says who this screen is. */
export async function look() {
  for (;;) {
    try {
      await take(await ask("GET", "/api/v1/technician/session"));
      return;
    } catch (error) {
      if (error instanceof Refusal) {
        store.stage.value = "stranger";
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** @param {import("./protocol").TechnicianView} session */
async function take(session) {
  store.session.value = session;
  if (!session.person) {
    store.stage.value = "gate";
    return;
  }
  await talk(nearest(session.person.language) ?? "en");
  store.stage.value = "wall";
  openLine(leave);
}

/** Makes this screen one of a till's. Returns why not, or "". @param {string} code */
export async function enrol(code) {
  try {
    await ask("POST", "/api/v1/enrol", { code: code.trim(), label: "technician" });
  } catch (error) {
    return why(error);
  }
  await look();
  return "";
}

/** @param {string} cashier @param {string} pin */
export async function signIn(cashier, pin) {
  try {
    await take(await ask("POST", "/api/v1/technician/session", { cashier, pin }));
    return "";
  } catch (error) {
    return why(error);
  }
}

export async function signOut() {
  try {
    await ask("DELETE", "/api/v1/technician/session");
  } catch {
    // the box ends it by itself after a while
  }
  leave();
}

/** Nobody is signed in any more. */
export function leave() {
  closeLine();
  store.forget();
  void deviceTalks();
  void look();
}
