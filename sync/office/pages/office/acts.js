// What people did about alarms and events that stood aside: read when somebody opens it.
import { effect, signal } from "@preact/signals";
import { html, Icon } from "../kit/parts.js";
import { saveCsv, stamp } from "./csv_file.js";
import { ask } from "./office_api.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { onDay } from "./times.js";

/** @typedef {import("./protocol").ActView} ActView */
/** @typedef {import("./office_words.js").Word} Word */

/** @type {Readonly<Record<string, Word>>} */
const WHAT = Object.freeze({ requeue: "act_requeue", repair: "act_repair", leave: "act_leave", acknowledge_alarm: "act_acknowledge", close_alarm: "act_close" });

const acts = signal(/** @type {readonly ActView[] | null} */ (null));

effect(() => {
  if (!store.ready.value) acts.value = null;
});

async function read() {
  try {
    acts.value = (await ask("GET", "/api/v1/acts")).acts;
  } catch {
    // that head office is silent is said on top
  }
}

/** @param {readonly ActView[]} all */
function save(all) {
  const rows = all.map((each) => [stamp(each.at), each.who, each.what, each.store, each.gen, each.seq, each.reason, each.before, each.after]);
  saveCsv("acts", [["at", "who", "what", "store", "generation", "event", "reason", "before", "after"], ...rows]);
}

/** @param {{act: ActView}} props */
function Row({ act }) {
  const word = WHAT[act.what];
  return html`<tr><th scope="row">${onDay(act.at, "")}</th><td data-label=${say("user")}><bdi>${act.who}</bdi></td>
    <td data-label=${say("act_what")}>${word ? say(word) : act.what}${act.seq > 0 && html`<small>${say("aside_event", { seq: act.seq })}</small>`}</td>
    <td data-label=${say("shop")}>${act.store ? html`<bdi>${store.storeName(act.store)}</bdi>` : say("office")}</td>
    <td class="say full"><bdi>${act.reason || "–"}</bdi>${act.after && html`<p><small>${say("act_before")} <bdi dir="ltr" class="said-so">${act.before}</bdi></small></p><p><small>${say("act_after")} <bdi dir="ltr" class="said-so">${act.after}</bdi></small></p>`}</td></tr>`;
}

export function Acts() {
  const all = acts.value;
  const column = (/** @type {string} */ name) => html`<th scope="col">${name}</th>`;
  return html`<section class="shops over" aria-labelledby="acts-title"><div class="hd"><h2 id="acts-title">${say("acts")}</h2>
      <div class="twin"><button type="button" aria-expanded=${all === null ? "false" : "true"} onClick=${() => (all === null ? void read() : (acts.value = null))}>${say(all === null ? "acts_show" : "acts_hide")}</button>${all !== null && all.length > 0 && html`<button type="button" onClick=${() => save(all)}><${Icon} name="csv" size="s" />CSV</button>`}</div></div>
    ${all !== null && all.length === 0 && html`<p class="hint">${say("acts_none")}</p>`}
    ${all !== null && all.length > 0 && html`<table class="table found"><thead><tr>${column(say("mail_when"))}${column(say("user"))}${column(say("act_what"))}${column(say("shop"))}${column(say("aside_reason"))}</tr></thead>
      <tbody>${all.map((each) => html`<${Row} key=${each.n} act=${each} />`)}</tbody></table>`}</section>`;
}
