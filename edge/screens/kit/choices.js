// What a person chose on this device: theme, language, hand, volume. Kept by the device itself.
import { effect, signal } from "@preact/signals";

/** @param {string} name @param {string} usual @param {readonly string[]} [allowed] */
function choice(name, usual, allowed) {
  const key = `tillbox.${name}`;
  let first = usual;
  try {
    first = localStorage.getItem(key) ?? usual;
  } catch {
    // storage switched off: the choice lasts as long as the page
  }
  const kept = signal(allowed && !allowed.includes(first) ? usual : first);
  effect(() => {
    const value = kept.value;
    try {
      if (value === usual) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // as above
    }
  });
  return kept;
}

export const THEMES = /** @type {const} */ (["system", "light", "dark"]);
export const HANDS = /** @type {const} */ (["right", "left"]);
export const VOLUMES = /** @type {const} */ (["off", "low", "middle", "high"]);

export const theme = choice("theme", "system", THEMES);
export const hand = choice("hand", "right", HANDS);
export const volume = choice("volume", "middle", VOLUMES);
/** The language of the device: what the sign-in page speaks. Empty: what the browser asks for. */
export const deviceLanguage = choice("language", "");
/** Keys that were changed, as JSON of action to key. */
export const changedKeys = choice("keys", "{}");

effect(() => {
  const root = document.documentElement;
  if (theme.value === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme.value;
});
effect(() => {
  document.body.dataset["hand"] = hand.value;
});
