// Who it is, and their PIN: at sign-in and where a second person approves.
import { signal } from "@preact/signals";
import { html, Icon, Keypad } from "../kit/parts.js";
import { isWord, language, say } from "../kit/words.js";
import { Fault } from "./message_line.js";

/** @typedef {import("./protocol").CashierView} CashierView */
/**
 * @typedef {{person: import("@preact/signals").Signal<string>, pin: import("@preact/signals").Signal<string>, fault: import("@preact/signals").Signal<string>,
 *   asking: import("@preact/signals").Signal<boolean>}} PinEntry
 */

export const PIN_MIN = 4;
const PIN_MAX = 8;

/** @returns {PinEntry} */
export const newPinEntry = () => ({ person: signal(""), pin: signal(""), fault: signal(""), asking: signal(false) });

/** @param {PinEntry} entry @param {string} id */
export function choosePerson(entry, id) {
  if (entry.person.value && entry.person.value !== id) entry.pin.value = ""; // another person's digits; one's own stay
  entry.person.value = id;
  entry.fault.value = "";
}

/** @param {PinEntry} entry @param {string} digit */
function press(entry, digit) {
  entry.fault.value = "";
  if (entry.pin.value.length < PIN_MAX) entry.pin.value += digit;
}

/** Carries it out once it is whole. @param {PinEntry} entry @param {(person: string, pin: string) => Promise<string>} go returns why not */
export async function submitPin(entry, go) {
  if (entry.asking.value) return;
  if (!entry.person.value || entry.pin.value.length < PIN_MIN) {
    entry.fault.value = entry.person.value ? say("sign_in_pin", { n: PIN_MIN }) : say("sign_in_name");
    return;
  }
  entry.asking.value = true;
  const typed = entry.pin.value;
  entry.pin.value = "";
  entry.fault.value = await go(entry.person.value, typed);
  entry.asking.value = false;
  if (!entry.fault.value) entry.person.value = "";
}

/** Digits from the keyboard; returns whether the key was one of ours. @param {PinEntry} entry @param {KeyboardEvent} event @param {() => void} submit */
export function typePin(entry, event, submit) {
  if (event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey) return false;
  const unready = entry.pin.value.length < PIN_MIN; // then Enter is the focused key's own
  if (/^\d$/.test(event.key)) press(entry, event.key);
  else if (event.key === "Backspace") entry.pin.value = entry.pin.value.slice(0, -1);
  else if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement && unready)) submit();
  else return false;
  event.preventDefault();
  return true;
}

/** @param {string} name */
const initials = (name) => {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? "")];
  return words.length > 1 ? `${first[0]}${[...(words.at(-1) ?? "")][0] ?? ""}` : first.slice(0, first[0] && first[0] > "\u2e80" ? 1 : 2).join("");
};

/** @param {{entry: PinEntry, people: readonly CashierView[], first?: boolean}} props `first`: a sheet begins here */
export function People({ entry, people, first = false }) {
  return html`<div class="people">${people.map((each, place) => {
    const role = `role_${each.role}`;
    return html`<button type="button" class="key" key=${each.id} autofocus=${first && place === 0} lang=${each.language} aria-pressed=${each.id === entry.person.value} onClick=${() => choosePerson(entry, each.id)}>
      <span class="mono" aria-hidden="true">${initials(each.name)}</span><span><bdi>${each.name}</bdi><small lang=${language()}>${isWord(role) ? say(role) : each.role}</small></span></button>`;
  })}</div>`;
}

/** @param {{entry: PinEntry, people: readonly CashierView[], does: string, submit: () => void}} props */
export function PinPad({ entry, people, does, submit }) {
  const name = people.find((each) => each.id === entry.person.value)?.name;
  const { pin } = entry;
  const n = pin.value.length;
  const clear = html`<button type="button" class="key key--quiet" key="c" aria-label=${say("clear")} onClick=${() => (pin.value = "")}>C</button>`;
  const ready = n >= PIN_MIN && name && !entry.asking.value;
  return html`<div class="paper pin"><h2 class="row"><${Icon} name="lock" /><bdi>${name ? say("pin_of", { name }) : say("pin")}</bdi></h2>
    <div class="pin__dots" role="img" aria-label=${say("pin_digits", { n })}>${Array.from({ length: Math.max(PIN_MIN, n) }, (_, place) => html`<i key=${place} class=${place < n ? "on" : ""}></i>`)}</div>
    <${Fault} words=${entry.fault.value} />
    <${Keypad} top=${1} last=${clear} press=${(/** @type {string} */ digit) => press(entry, digit)} erase=${() => (pin.value = pin.value.slice(0, -1))} name=${say("pin")} />
    <button type="button" class=${ready ? "key key--primary key--pay" : "key key--pay"} aria-disabled=${ready ? undefined : "true"} onClick=${submit}>${does}</button></div>`;
}
