// A recording that was just saved: where it lies, the file itself, and how to play it.
import { html, Icon } from "../kit/parts.js";
import { deviceName } from "./device_words.js";
import { bytes } from "./figures.js";
import { saveFile } from "./save_file.js";
import { Sheet } from "./sheet.js";
import { say } from "./technician_words.js";
import * as store from "./store.js";

/** @param {{id: string, body: import("./protocol").RecordingBody}} props */
export function RecordingSheet({ id, body }) {
  const device = store.deviceOf(id);
  const name = body.file || `${id}.asked.jsonl`;
  const { host } = body;
  const there = Boolean(body.file || body.content);
  const save = () => saveFile(name, new Blob([body.content], { type: "application/x-ndjson" }));
  return html`<${Sheet} title=${say("recorded_title", { device: device ? deviceName(device) : id })}><div class="sheet__body">
      ${body.file ? html`<div><p>${say("recorded", { host })}</p><p><code dir="ltr">${body.file}</code></p></div>` : html`<p>${body.content ? say("recorded_nowhere", { host }) : say("recorded_not", { host })}</p>`}
      ${body.file && !body.content && html`<p>${say("recorded_large", { host })}</p>`}
      ${there && html`<div><p class="quiet">${say("recorded_play")}</p><p><code dir="ltr">tillbox devices replay ${name}</code></p></div>`}
      ${body.file && html`<div><p class="quiet">${say("recorded_list", { host })}</p><p><code dir="ltr">tillbox devices recordings --config devices.toml</code></p></div>`}
      ${there && html`<p class="todo"><${Icon} name="lock" size="s" /><span>${say("recorded_care")}</span></p>`}</div>
    ${body.content && html`<div class="sheet__foot"><button type="button" class="key key--primary" onClick=${save}><${Icon} name="csv" />${say("recorded_download", { size: bytes(body.size_bytes) })}</button></div>`}<//>`;
}
