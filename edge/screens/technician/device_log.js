// The live log of one device: what was asked, what it answered, how it was. No more than the box keeps.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask } from "../till/box_api.js";
import { clock, day } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { isWord, say } from "./technician_words.js";

/** @typedef {import("./protocol").LogEntry} LogEntry */
/** @typedef {"" | "well" | "wait" | "person" | "lost"} Tone */
const DAY_MS = 86_400_000;
const AGAIN_MS = 2_000;
const TONES = /** @type {Readonly<Record<string, Tone>>} */ (Object.freeze({ ready: "well", done: "well", accepted: "wait", connecting: "wait", attention: "person", failed: "person", unknown: "person", out: "person", lost: "lost" }));

/** @param {number} at */
const second = (at) => `${clock(at)}:${String(new Date(at).getSeconds()).padStart(2, "0")}`;

/** @param {string} family @param {string} name */
const named = (family, name) => {
  const word = `${family}_${name}`;
  return isWord(word) ? say(word) : name;
};

/** @param {LogEntry} entry @returns {{tone: Tone, words: string}} */
export function logWords(entry) {
  const value = entry.value ?? "";
  const tone = TONES[value] ?? "";
  const what = entry.name ? named("job", entry.name) : say("log_something");
  switch (entry.what) {
    case "asked":
      return { tone: "", words: say("log_asked", { what }) };
    case "answered": {
      const word = `log_${value}`;
      return { tone, words: isWord(word) ? say(word, { what }) : `${what}: ${value}` };
    }
    case "state":
      return { tone, words: named("log", value) };
    case "there":
      return { tone: "", words: say("log_there") };
    case "gone":
      return { tone: "lost", words: say("log_gone") };
    case "scan":
      return { tone: "", words: say("log_scan", { n: entry.count ?? 0 }) };
    case "paper":
    case "cover":
    case "drawer":
      return { tone, words: `${say(entry.what)}: ${named(entry.what, value)}` };
    default:
      return { tone: "", words: say("log_event", { what: entry.name ?? entry.what }) };
  }
}

/** Newest first, as one looks for what just happened. @param {{device: import("./store").WallDevice}} props */
export function DeviceLog({ device }) {
  const entries = useSignal(/** @type {readonly LogEntry[] | null} */ (null));
  const missed = useSignal(0);
  useEffect(() => {
    let wanted = true;
    ask("GET", `/api/v1/technician/devices/${device.id}/log`).then(
      (/** @type {import("./protocol").DeviceLogView} */ view) => wanted && (entries.value = view.entries.toReversed()),
      () => setTimeout(() => wanted && (missed.value += 1), AGAIN_MS),
    );
    return () => (wanted = false);
  }, [device.id, device.noted, missed.value]);
  const shown = entries.value;
  return html`<section><h3 class="row"><${Icon} name="clock" />${say("log")}</h3>
    ${shown?.length === 0 && html`<p class="quiet">${say("log_empty")}</p>`}
    <div class="scroll log__frame" tabindex="0" role="group" aria-label=${say("log")}><ol class="log">${(shown ?? []).map((entry, place) => {
      const { tone, words } = logWords(entry);
      const own = [entry.code, entry.words].filter(Boolean).join(": ");
      return html`<li key=${(shown?.length ?? 0) - place}>${tone ? html`<${Icon} name=${tone} size="s" />` : html`<i></i>`}<time datetime=${new Date(entry.at).toISOString()}>${Date.now() - entry.at < DAY_MS ? second(entry.at) : day(entry.at)}</time><span><span>${words}</span>${own && html`<small><bdi lang="en">${own}</bdi></small>`}</span></li>`;
    })}</ol></div></section>`;
}
