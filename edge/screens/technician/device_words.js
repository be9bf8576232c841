// Devices in words: what each is called, how it is, what to do next.
import { dayWords } from "./day_words.js";
import { isWord, kitSays, language, say } from "./technician_words.js";
import { dayTroubles } from "./store.js";

/** @typedef {import("./protocol").WallDevice} WallDevice */
/** @typedef {"well" | "wait" | "person" | "lost" | "plain"} Tone */

const ICONS = /** @type {Readonly<Record<string, string>>} */ (Object.freeze({ display: "screen", labels: "label" }));
const SHOWN_BY_CATALOGUE = new Set(["host_offline", "connecting", "configured", "lost"]);
/** Codes of the box and of devices that mean one thing to who stands before them. */
const ANSWERS = /** @type {Readonly<Record<string, string>>} */ (Object.freeze({
  expired: "too_late",
  kind_unknown: "versions_differ", args_invalid: "versions_differ", delivery_wrong: "versions_differ", version_unknown: "versions_differ",
  queue_full: "device_busy", in_progress: "device_busy", drawer_not_ready: "device_busy",
  broken_off: "broken_off", no_end: "broken_off", connection_lost: "broken_off", printer_restarted: "broken_off",
  device_not_configured: "not_set_up", driver_defect: "defect", failed: "defect",
  printer_not_ready: "unreachable", printer_silent: "unreachable", printer_takes_nothing: "unreachable", printer_offline: "unreachable", printer_not_open: "unreachable", printer_not_plugged_in: "unreachable",
  connection_broken: "unreachable", connection_closed: "unreachable", device_not_connected: "unreachable", no_answer: "unreachable", no_connection: "unreachable", drawer_lost: "unreachable", drawer_takes_nothing: "unreachable",
  open_failed: "drawer_shut",
}));
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
  if (dayTroubles(device) && device.well) return { tone: "person", word: say("state_person") };
  if (device.day?.state === "asked" && device.well) return { tone: "wait", word: say("state_wait") };
  if (device.well) return { tone: "well", word: say("state_well") };
  if (device.state === "connecting" || device.state === "configured") return { tone: "wait", word: say("state_wait") };
  if (device.state === "lost" || device.state === "offline") return { tone: "lost", word: say("state_lost") };
  return { tone: "person", word: say("state_person") };
}

/** What happened, and what to do; the box's own words are English and know most. @param {WallDevice} device */
export function situation(device) {
  if (device.well && device.day && (dayTroubles(device) || device.day.state)) return dayWords(device.day);
  if (device.code === "drawer_left_open") return { words: say("left_open"), next: say("left_open_next"), own: "" };
  if (device.well && device.paper !== "near_end") return { words: say("all_well"), next: say("nothing_to_do"), own: "" };
  const own = [device.words, device.advice].filter(Boolean).join(" ");
  if (device.state === "refused") return { words: say("refused_words"), next: say("refused_next"), own: device.words };
  if (language() === "en" && device.words && device.code !== "host_offline") return { words: device.words, next: device.advice || say("look_at_it"), own: "" };
  const name = deviceName(device);
  if (device.code === "host_offline") return { words: say("host_gone", { device: name, host: device.host }), next: say("host_gone_next"), own: "" };
  const word = device.paper === "out" ? "device_paper_out" : device.paper === "near_end" && device.well ? "device_paper_near" : device.state === "lost" ? "device_lost" : SHOWN_BY_CATALOGUE.has(device.state) ? "device_connecting" : "device_attention";
  return { words: kitSays(word, { device: name }), next: "", own: device.well ? "" : own };
}

/** What an answer's code means and wants, in the reader's language; empty where only the device knows. @param {string} code */
export function answerWords(code) {
  const word = `answer_${ANSWERS[code] ?? code}`;
  return isWord(word) ? say(word) : "";
}

/** @param {WallDevice} device */
export function counts(device) {
  const first = device.statistics.filter((each) => FIRST_COUNTS.includes(each.name));
  return [...first, ...device.statistics.filter((each) => !first.includes(each))];
}
