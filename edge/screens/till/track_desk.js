// The number of the very piece, or of its lot, in the quick keys' place: a scan fills it.
import { useEffect } from "preact/hooks";
import { unbroken } from "../kit/numbers.js";
import { html, Icon } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { closePad } from "./doings.js";
import { NUMBER_CHARS_MAX, numberTyped, sellTracked } from "./tracking.js";

/** @param {{use: import("./store").TrackUse}} props */
export function TrackDesk({ use }) {
  const title = say(use.what === "serial" ? "track_serial" : "track_lot", { name: unbroken(use.name) });
  useEffect(() => document.getElementById("track-number")?.focus({ preventScroll: true }), [use.code]);
  const typed = (/** @type {InputEvent} */ event) => (numberTyped.value = /** @type {HTMLInputElement} */ (event.target).value);
  const ready = numberTyped.value.trim() !== "";
  return html`<div class="entry__head"><h2 class="cut"><span role="status">${title}</span></h2>
      <button type="button" class="key key--quiet" onClick=${closePad}><${Icon} name="times" />${say("close")}</button></div>
    <section class="hand hand--text track" aria-label=${title}><div class="hand__what">
        <div class="field"><label for="track-number">${say(use.what === "serial" ? "serial" : "lot")}</label>
          <input id="track-number" autocomplete="off" autocapitalize="off" spellcheck=${false} dir="ltr" maxlength=${NUMBER_CHARS_MAX} value=${numberTyped.value} onInput=${typed} />
          <p class="hint">${say(use.what === "serial" ? "track_serial_hint" : "track_lot_hint")}</p></div></div>
      <button type="button" class=${`key hand__go${ready ? " key--primary" : ""}`} aria-disabled=${ready ? undefined : "true"} onClick=${sellTracked}>${say("enter_code")} <kbd>Enter</kbd></button></section>`;
}
