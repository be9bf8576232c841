// Sounds of the till, made here: short, distinct, each with its sight. No files.
import { volume } from "./choices.js";

/** @typedef {{hz: number, from: number, ms: number, soft?: boolean}} Note */
/** Every sound ends within 200 ms. @type {Readonly<Record<string, readonly Note[]>>} */
export const SOUNDS = Object.freeze({
  added: [{ hz: 1760, from: 0, ms: 40 }],
  question: [{ hz: 880, from: 0, ms: 80 }, { hz: 1320, from: 90, ms: 90 }],
  refused: [{ hz: 440, from: 0, ms: 80 }, { hz: 220, from: 90, ms: 100 }],
  approved: [{ hz: 660, from: 0, ms: 60, soft: true }, { hz: 880, from: 65, ms: 60, soft: true }, { hz: 1320, from: 130, ms: 70, soft: true }],
  declined: [{ hz: 220, from: 0, ms: 180 }],
  lost: [{ hz: 130, from: 0, ms: 60 }, { hz: 130, from: 110, ms: 60 }],
});
const LOUDNESS = { off: 0, low: 0.06, middle: 0.16, high: 0.4 };

/** @type {AudioContext | null} */
let audio = null;

/** Browsers let a page sound only after a person touched it: the first touch opens the audio. */
export function openSounds() {
  const open = () => {
    audio ??= new AudioContext();
    void audio.resume();
  };
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, open, { once: true, capture: true });
}

/** @param {string} name one of SOUNDS */
export function sound(name) {
  const loudness = LOUDNESS[/** @type {keyof typeof LOUDNESS} */ (volume.value)];
  document.documentElement.dataset["sound"] = name; // what was sounded last, for tests and for the deaf ear of a debugger
  if (!audio || audio.state !== "running" || !loudness) return;
  for (const { hz, from, ms, soft } of SOUNDS[name] ?? []) {
    const begin = audio.currentTime + from / 1000;
    const end = begin + ms / 1000;
    const tone = audio.createOscillator();
    const level = audio.createGain();
    tone.type = soft ? "sine" : "triangle";
    tone.frequency.value = hz;
    level.gain.setValueAtTime(0, begin);
    level.gain.linearRampToValueAtTime(loudness, begin + 0.005);
    level.gain.setTargetAtTime(0, end - 0.02, 0.006);
    tone.connect(level).connect(audio.destination);
    tone.start(begin);
    tone.stop(end + 0.02);
  }
}
