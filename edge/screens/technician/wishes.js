// What a technician wishes of the box: each wish has an id of its own, so that a repeat is no second one.
import { ask } from "../till/box_api.js";
import { newId } from "../kit/ids.js";
import { why } from "./access.js";
import { deviceName } from "./device_words.js";
import { say } from "./technician_words.js";
import * as store from "./store.js";

const TEST_MS_MAX = 20_000; // the box itself waits fifteen seconds for the device
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
    else store.message.value = { tone: "person", words: [say(`test_${body.outcome}`, { device: name }), body.words, body.advice].filter(Boolean).join(" ") };
    return "";
  } catch (error) {
    const words = why(error);
    store.message.value = { tone: "person", words };
    return words;
  } finally {
    store.testing.value = new Set([...store.testing.value].filter((id) => id !== device.id));
  }
}
