// What a technician wishes of the box: each wish has an id of its own, so that a repeat is no second one.
import { ask, Refusal } from "../till/box_api.js";
import { newId } from "../kit/ids.js";
import { why } from "./access.js";
import { answerWords, deviceName } from "./device_words.js";
import { saveFile } from "./save_file.js";
import { language, say } from "./technician_words.js";
import * as store from "./store.js";

const TEST_MS_MAX = 20_000; // the box itself waits fifteen seconds for the device
const BUNDLE_MS_MAX = 60_000; // recordings of every device, over a slow network
const DEVICES = "/api/v1/technician/devices";

/**
 * Sends a wish; returns why not, or "". @param {string} path @param {Record<string, unknown>} fields @param {string} done what is said then
 * @param {string} id the wish's, kept by who may send it again
 */
async function wish(path, fields, done, id) {
  try {
    await ask("POST", `${DEVICES}${path}`, { command_id: id, ...fields });
  } catch (error) {
    return why(error);
  }
  store.sheet.value = null;
  store.message.value = { tone: "well", words: done };
  return "";
}

/** @param {Record<string, unknown>} fields @param {string} name @param {string} id */
export const adopt = (fields, name, id) => wish("", fields, say("adopted", { device: name }), id);

/** @param {import("./store").WallDevice} device @param {Record<string, unknown>} fields @param {string} id */
export const replace = (device, fields, id) => wish(`/${device.id}/replacement`, fields, say("replaced", { device: deviceName(device) }), id);

/** @param {import("./store").WallDevice} device @param {Record<string, unknown>} fields @param {string} id */
export const bind = (device, fields, id) => wish(`/${device.id}/binding`, fields, say("bound", { device: deviceName(device) }), id);

/** @param {import("./store").WallDevice} device @param {string} reason @param {string} id */
export const release = (device, reason, id) => wish(`/${device.id}/release`, { reason }, say("released", { device: deviceName(device) }), id);

/** What a device answered, by its code where that is known; else in its own words. @param {{code: string, words: string, advice: string}} body */
function told(body) {
  const known = answerWords(body.code);
  if (!known) return [body.words, body.advice];
  return language() === "en" && body.words ? [body.words, body.advice || known] : [known];
}

/** Has a terminal end its day; how that went stands on the wall. Returns why not, or "". @param {import("./store").WallDevice} device @param {string} id */
export async function endDay(device, id) {
  try {
    await ask("POST", `${DEVICES}/${device.id}/end-of-day`, { command_id: id }, TEST_MS_MAX);
    return "";
  } catch (error) {
    return why(error);
  }
}

/** @param {import("./store").WallDevice} device @param {Record<string, unknown>} fields @param {string} id */
export async function settleDay(device, fields, id) {
  try {
    await ask("POST", `${DEVICES}/${device.id}/end-of-day/settlement`, { command_id: id, ...fields });
  } catch (error) {
    return why(error);
  }
  store.message.value = { tone: "well", words: say("settled") };
  return "";
}

/** Saves what a device's recorder holds and shows where it lies. @param {import("./store").WallDevice} device */
export async function saveRecording(device) {
  if (store.testing.value.has(device.id)) return;
  store.testing.value = new Set([...store.testing.value, device.id]);
  const name = deviceName(device);
  store.message.value = { tone: "wait", words: say("record_asked", { device: name }) };
  try {
    /** @type {import("./protocol").RecordingBody} */
    const body = await ask("POST", `${DEVICES}/${device.id}/recordings`, { command_id: newId() }, TEST_MS_MAX);
    if (body.outcome === "done") {
      store.message.value = null;
      store.sheet.value = { kind: "recording", id: device.id, body };
      return;
    }
    fail([say(`test_${body.outcome}`, { device: name }), ...told(body)].filter(Boolean).join(" "));
  } catch (error) {
    fail(why(error));
  } finally {
    store.testing.value = new Set([...store.testing.value].filter((id) => id !== device.id));
  }
}

/** Says it in the message line, which an open sheet would hide. @param {string} words */
function fail(words) {
  store.sheet.value = null;
  store.message.value = { tone: "person", words };
}

/** Has a support bundle made and saves it. Returns why not, or "". */
export async function saveBundle() {
  try {
    const answer = await fetch("/api/v1/technician/support-bundle", { method: "POST", cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(BUNDLE_MS_MAX) });
    if (!answer.ok) throw new Refusal(await answer.json(), answer.status);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "tillbox-support.zip";
    saveFile(name, await answer.blob());
    store.bundleName.value = name;
    return "";
  } catch (error) {
    return why(error);
  }
}

/**
 * Has a device show itself; how it went stands in the message line. Returns why not, or "".
 * @param {import("./store").WallDevice} device @param {import("./protocol").DeviceTest} test @param {string} [reason]
 */
export async function testDevice(device, test, reason = "") {
  if (store.testing.value.has(device.id)) return "";
  store.testing.value = new Set([...store.testing.value, device.id]);
  const name = deviceName(device);
  store.message.value = { tone: "wait", words: say("test_asked", { device: name }) };
  try {
    const fields = { command_id: newId(), test, reason };
    /** @type {import("./protocol").TestBody} */
    const body = await ask("POST", `${DEVICES}/${device.id}/tests`, fields, TEST_MS_MAX);
    if (body.outcome === "done") store.message.value = { tone: "well", words: say("test_done", { device: name }) };
    else store.message.value = { tone: "person", words: [say(`test_${body.outcome}`, { device: name }), ...told(body)].filter(Boolean).join(" ") };
    return "";
  } catch (error) {
    const words = why(error);
    store.message.value = { tone: "person", words };
    return words;
  } finally {
    store.testing.value = new Set([...store.testing.value].filter((id) => id !== device.id));
  }
}
