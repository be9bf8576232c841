// Words of the device wall: catalogues of its own, the language shared with the rest of the kit.
import { signal } from "@preact/signals";
import { deviceLanguage } from "../kit/choices.js";
import { language, LANGUAGES, locale, nearest, rightToLeft, say as kitSays, speak } from "../kit/words.js";
import { WORDS as ENGLISH } from "./words/en.js";

/** @typedef {keyof typeof ENGLISH} Word */
/** @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Phrase */
/** @typedef {Readonly<Partial<Record<Word, Phrase>>>} Catalogue */
/** @typedef {import("../kit/words.js").Language} Language */

/** @type {Map<Language, Catalogue>} */
const catalogues = new Map([["en", /** @type {Catalogue} */ (ENGLISH)]]);
const spoken = signal(/** @type {Catalogue} */ (ENGLISH));

/** Speaks a language from now on, here and in the kit; English where its words do not come. @param {Language} wanted */
export async function talk(wanted) {
  try {
    let words = catalogues.get(wanted);
    if (!words) {
      // from above, for a pack lies beside this folder and not in it
      words = /** @type {Catalogue} */ ((await import(`../technician/words/${wanted}.js`)).WORDS);
      catalogues.set(wanted, words);
    }
    await speak(wanted);
    spoken.value = words;
  } catch {
    spoken.value = ENGLISH;
  }
}

/** Before anybody signed in: what was chosen on this device, or what the browser asks for. */
export const deviceTalks = () => talk(nearest(deviceLanguage.value) ?? navigator.languages.map(nearest).find((found) => found !== null) ?? "en");

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
    const words = typeof value === "number" ? new Intl.NumberFormat(locale()).format(value) : value;
    // a Latin name keeps to itself; around words that are isolated already, an isolate would find no direction
    return rightToLeft() && /[A-Za-z]/.test(words) ? `\u2068${words}\u2069` : words;
  });
}

/** @param {string} word @returns {word is Word} */
export const isWord = (word) => Object.hasOwn(ENGLISH, word);

export { kitSays, language, LANGUAGES };
