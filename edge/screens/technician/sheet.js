// A sheet: only because a person pressed something. Esc, its key and a press outside close it.
import { useLayoutEffect, useRef } from "preact/hooks";
import { html, Icon } from "../kit/parts.js";
import { kitSays } from "./technician_words.js";
import * as store from "./store.js";

/** @param {{title: string, children?: import("../kit/parts.js").Children}} props */
export function Sheet({ title, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const close = () => (store.sheet.value = null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  const outside = (/** @type {MouseEvent} */ event) => event.target === dialog.current && close();
  return html`<dialog class="sheet" ref=${dialog} aria-labelledby="sheet-title" onCancel=${close} onClick=${outside}>
    <div class="sheet__head"><h2 id="sheet-title"><bdi>${title}</bdi></h2><button type="button" class="key key--quiet" aria-label=${kitSays("close")} onClick=${close}><${Icon} name="times" /></button></div>
    ${children}</dialog>`;
}
