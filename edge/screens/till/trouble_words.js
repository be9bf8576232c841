// Devices in words: what happened, to what, what to do next.
import { isWord, language, say } from "../kit/words.js";

/** @typedef {import("./protocol").DeviceView} DeviceView */

const OUT_OF_REACH = new Set(["device_lost", "device_connecting", "device_host_offline"]);

/** A device serves in several roles: the drawer hangs on the printer. @param {DeviceView} device */
export const deviceKey = (device) => `${device.device_id} ${device.role}`;

/** @param {DeviceView} device */
export function deviceName(device) {
  const word = `device_${device.role}`;
  return isWord(word) ? say(word) : device.role;
}

/**
 * @param {DeviceView} device @param {import("./protocol").TillView | null} [view] to say whether a receipt waits
 * @returns {{lead: string, words: string}}
 */
export function deviceWords(device, view) {
  const safe = device.role === "printer" && view?.receipt?.state === "waiting" ? say("receipt_safe") : "";
  const named = situation(device);
  // the box's own words are English and know most; a catalogue knows the cases by name, and a line that broke
  // is said without addresses: those are the technician's
  if (language() === "en" && device.words && !OUT_OF_REACH.has(named)) {
    return { lead: device.words, words: [safe, device.advice].filter(Boolean).join(" ") };
  }
  const whole = say(named, { device: deviceName(device) });
  return { lead: whole, words: safe };
}

/** @param {DeviceView} device */
function situation(device) {
  if (device.code === "host_offline" || device.state === "offline") return "device_host_offline";
  if (device.code === "drawer_left_open") return "device_drawer_left_open";
  if (device.state === "lost") return "device_lost";
  if (device.paper === "out") return "device_paper_out";
  if (device.state === "connecting" || device.state === "configured") return "device_connecting";
  return device.paper === "near_end" && device.well ? "device_paper_near" : "device_attention";
}

/** The first device that is not well, printers and terminals first. @param {readonly DeviceView[]} devices */
export function worstDevice(devices) {
  const order = ["printer", "terminal", "scanner", "scale", "drawer", "display"];
  const unwell = devices.filter((device) => !device.well);
  return unwell.sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role))[0] ?? null;
}
