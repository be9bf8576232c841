// Every word on a screen comes from a catalogue. English is always there; the others come when asked for.
import { signal } from "@preact/signals";
import { WORDS as ENGLISH } from "../words/en.js";

/** @typedef {keyof typeof ENGLISH} Word */
/** @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Phrase */
/** @typedef {Readonly<Partial<Record<Word, Phrase>>>} Catalogue */

/** The languages, each by its own name. */
export const LANGUAGES = Object.freeze({
  en: "English",
  pl: "Polski",
  zh: "简体中文",
  ar: "العربية",
  ko: "한국어",
  pt: "Português (Brasil)",
});
/** @typedef {keyof typeof LANGUAGES} Language */

const LOCALES = Object.freeze({ en: "en", pl: "pl", zh: "zh-Hans", ar: "ar-u-nu-latn", ko: "ko", pt: "pt-BR" });
/** @type {Map<Language, Catalogue>} */
const catalogues = new Map([["en", /** @type {Catalogue} */ (ENGLISH)]]);
const spoken = signal(/** @type {{language: Language, words: Catalogue}} */ ({ language: "en", words: ENGLISH }));

/** The language now; reading it in a component redraws it when it changes. @returns {Language} */
export const language = () => spoken.value.language;
/** The locale that `Intl` takes for it. */
export const locale = () => LOCALES[spoken.value.language];
/** Whether it runs from right to left. */
export const rightToLeft = () => spoken.value.language === "ar";

/** Names the nearest language we have for a tag such as `pt-PT`. @param {string} tag @returns {Language | null} */
export function nearest(tag) {
  const short = tag.toLowerCase().split(/[-_]/, 1)[0] ?? "";
  return short in LANGUAGES ? /** @type {Language} */ (short) : null;
}

/** Speaks another language from now on. @param {Language} wanted */
export async function speak(wanted) {
  let words = catalogues.get(wanted);
  if (!words) {
    words = /** @type {Catalogue} */ ((await import(`../words/${wanted}.js`)).WORDS);
    catalogues.set(wanted, words);
  }
  const root = document.documentElement;
  root.lang = wanted === "zh" ? "zh-Hans" : wanted;
  root.dir = wanted === "ar" ? "rtl" : "ltr";
  spoken.value = { language: wanted, words };
}

/**
 * The words for something, with `{name}` filled in; `{n}` also chooses the plural form.
 * @param {Word} word @param {Readonly<Record<string, string | number>>} [params]
 */
export function say(word, params = {}) {
  const { words } = spoken.value;
  const phrase = words[word] ?? /** @type {Catalogue} */ (ENGLISH)[word] ?? word;
  return fill(typeof phrase === "string" ? phrase : plural(phrase, Number(params["n"])), params);
}

/** Whether a word is one of ours: what the box names by a code may be newer than this page. @param {string} word @returns {word is Word} */
export const isWord = (word) => Object.hasOwn(ENGLISH, word);

/** @param {Partial<Record<Intl.LDMLPluralRule, string>>} forms @param {number} n */
function plural(forms, n) {
  const form = new Intl.PluralRules(locale()).select(n);
  return forms[form] ?? forms.other ?? "";
}

/** @param {string} text @param {Readonly<Record<string, string | number>>} params */
function fill(text, params) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = params[name];
    if (value === undefined) return whole;
    const words = typeof value === "number" ? new Intl.NumberFormat(locale()).format(value) : value;
    return rightToLeft() ? `\u2068${words}\u2069` : words; // a Latin name or a price keeps to itself
  });
}
