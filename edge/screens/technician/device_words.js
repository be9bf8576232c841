// Devices in words: what each is called, how it is, what to do next.
import { isWord, kitSays, language, say } from "./technician_words.js";

/** @typedef {import("./protocol").WallDevice} WallDevice */
/** @typedef {"well" | "wait" | "person" | "lost" | "plain"} Tone */

const ICONS = /** @type {Readonly<Record<string, string>>} */ (Object.freeze({ display: "screen", labels: "label" }));
const SHOWN_BY_CATALOGUE = new Set(["host_offline", "connecting", "configured", "lost"]);
/** UnifiedPOS counts that a technician asks for first. */
const FIRST_COUNTS = ["GoodScanCount", "ReceiptLinePrintedCount", "DrawerGoodOpenCount", "CommunicationErrorCount"];

/** @param {string} kind a role or a class */
export const iconOf = (kind) => ICONS[kind] ?? (["scanner", "printer", "drawer", "terminal", "scale"].includes(kind) ? kind : "box");

/** @param {string} kind */
export function kindName(kind) {
  const word = `kind_${kind}`;
  return isWord(word) ? say(word) : kind;
}

/** `till-2` is till 2 to people. @param {string} till */
export const tillName = (till) => (/^till-\d+$/.test(till) ? kitSays("till_named", { till: till.slice(5) }) : till);

/** @param {WallDevice} device */
export const deviceName = (device) => device.name || say("of_till", { kind: kindName(device.roles[0] ?? device.device_class), till: tillName(device.till) });

/** @param {WallDevice} device @returns {{tone: Tone, word: string}} */
export function standing(device) {
  if (device.well) return { tone: "well", word: say("state_well") };
  if (device.state === "connecting" || device.state === "configured") return { tone: "wait", word: say("state_wait") };
  if (device.state === "lost" || device.state === "offline") return { tone: "lost", word: say("state_lost") };
  return { tone: "person", word: say("state_person") };
}

/** What happened, and what to do; the box's own words are English and know most. @param {WallDevice} device */
export function situation(device) {
  if (device.well && device.paper !== "near_end") return { words: say("all_well"), next: say("nothing_to_do"), own: "" };
  const own = [device.words, device.advice].filter(Boolean).join(" ");
  if (device.state === "refused") return { words: say("refused_words"), next: say("refused_next"), own: device.words };
  if (language() === "en" && device.words && device.code !== "host_offline") return { words: device.words, next: device.advice || say("look_at_it"), own: "" };
  const name = deviceName(device);
  if (device.code === "host_offline") return { words: say("host_gone", { device: name, host: device.host }), next: say("host_gone_next"), own: "" };
  const word = device.paper === "out" ? "device_paper_out" : device.paper === "near_end" && device.well ? "device_paper_near" : device.state === "lost" ? "device_lost" : SHOWN_BY_CATALOGUE.has(device.state) ? "device_connecting" : "device_attention";
  return { words: kitSays(word, { device: name }), next: "", own: device.well ? "" : own };
}

/** @param {WallDevice} device */
export function counts(device) {
  const first = device.statistics.filter((each) => FIRST_COUNTS.includes(each.name));
  return [...first, ...device.statistics.filter((each) => !first.includes(each))];
}
