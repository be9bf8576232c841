// Words of head office: catalogues of its own, the language shared with the rest of the kit.
import { signal } from "@preact/signals";
import { language, LANGUAGES, locale, nearest, speak } from "../kit/words.js";
import { deviceLanguage } from "../kit/choices.js";
import { WORDS as ENGLISH } from "./words/en.js";

/** @typedef {keyof typeof ENGLISH} Word */
/** @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Phrase */
/** @typedef {Readonly<Partial<Record<Word, Phrase>>>} Catalogue */
/** @typedef {import("../kit/words.js").Language} Language */

/** @type {Map<Language, Catalogue>} */
const catalogues = new Map([["en", /** @type {Catalogue} */ (ENGLISH)]]);
const spoken = signal(/** @type {Catalogue} */ (ENGLISH));

/** Speaks a language from now on, here and in the kit. @param {Language} wanted */
async function talk(wanted) {
  let words = catalogues.get(wanted);
  if (!words) {
    words = /** @type {Catalogue} */ ((await import(`./words/${wanted}.js`)).WORDS);
    catalogues.set(wanted, words);
  }
  await speak(wanted);
  spoken.value = words;
  document.title = say("office");
}

/** Speaks what a person chose on this device, or what the browser asks for. */
export async function deviceTalks() {
  const wanted = nearest(deviceLanguage.value) ?? navigator.languages.map(nearest).find((found) => found !== null) ?? "en";
  try {
    await talk(wanted);
  } catch {
    // the catalogue did not come: English is there
  }
}

/** @param {Language} wanted */
export async function choose(wanted) {
  deviceLanguage.value = wanted;
  await deviceTalks();
}

/**
 * The words for something, with `{name}` filled in; `{n}` also chooses the plural form.
 * @param {Word} word @param {Readonly<Record<string, string | number>>} [params]
 */
export function say(word, params = {}) {
  const phrase = spoken.value[word] ?? /** @type {Catalogue} */ (ENGLISH)[word] ?? word;
  const text = typeof phrase === "string" ? phrase : (phrase[new Intl.PluralRules(locale()).select(Number(params["n"]))] ?? phrase.other ?? "");
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? count(value) : value;
  });
}

/** A whole number in the reader's language. @param {number} n */
export const count = (n) => new Intl.NumberFormat(locale()).format(n);

export { language, LANGUAGES };
