// Events that stand aside: what each says, why it does not fit, and what a person does about it.
import { effect, signal, untracked } from "@preact/signals";
import { html, Icon } from "../kit/parts.js";
import { AsideSheet } from "./aside_sheet.js";
import { saveCsv, stamp } from "./csv_file.js";
import { ask } from "./office_api.js";
import { say } from "./office_words.js";
import * as store from "./store.js";
import { onDay } from "./times.js";
import { wishFor } from "./wishes.js";

/** @typedef {import("./protocol").AsideView} AsideView */

/** A crowd of events is one question. */
const CALM_MS = 500;
/** Events that are drawn at once; the CSV has all that were read. */
const ROWS_SHOWN = 20;

const events = signal(/** @type {readonly AsideView[]} */ ([]));
const more = signal(false);
const opened = signal(/** @type {AsideView | null} */ (null));
const told = signal("");
const fault = signal("");
const asking = signal(false);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;

/** What the shops have aside together: it is asked anew when that changed. */
const counted = () => store.stores.value.map((each) => `${each.slug} ${each.quarantined}`).join();
let known = "";

async function read() {
  later = undefined;
  const now = counted();
  try {
    const page = await ask("GET", "/api/v1/quarantine");
    [events.value, more.value] = [page.events, page.next !== ""];
    known = now;
  } catch {
    // the next change asks again; that head office is silent is said on top
  }
}

effect(() => {
  const [shown, now] = [store.ready.value, counted()];
  untracked(() => {
    if (!shown) [events.value, opened.value, told.value, fault.value, known] = [[], null, "", "", ""];
    else if (now !== known) later ??= setTimeout(() => void read(), known ? CALM_MS : 0);
  });
});

/** What was done, in words. @param {import("./protocol").ActDoneView} done */
function done(done) {
  told.value = [say("aside_taken", { n: done.taken.length }), done.left.length > 0 && say("aside_left_over", { n: done.left.length })].filter(Boolean).join(" ");
  void read();
}

/** Reads all of a shop again, in as many portions as it takes. @param {string} slug */
async function readAllAgain(slug) {
  if (asking.value) return;
  asking.value = true;
  [told.value, fault.value] = ["", ""];
  let [taken, left, after] = [0, 0, 0];
  do {
    const outcome = await wishFor(`/api/v1/stores/${slug}/quarantine/requeue`, { after });
    if (outcome.said !== "done") {
      fault.value = outcome.said === "silent" ? say("act_silent") : say("refused", { code: outcome.refusal.code });
      break;
    }
    taken += outcome.answer.taken.length;
    left += outcome.answer.left.length;
    after = outcome.answer.next;
  } while (after > 0);
  asking.value = false;
  told.value = [say("aside_taken", { n: taken }), left > 0 && say("aside_left_over", { n: left })].filter(Boolean).join(" ");
  void read();
}

function save() {
  const rows = events.value.map((each) => [each.store, each.gen, each.seq, each.type, each.sale, stamp(each.at), each.till, each.actor, stamp(each.came_at), each.reason, each.raw || each.fields.map((field) => `${field.name}=${field.text}`).join("; ")]);
  saveCsv("aside", [["store", "generation", "event", "type", "sale", "at", "till", "actor", "aside_since", "reason", "says"], ...rows]);
}

/** @param {{event: AsideView}} props */
function Row({ event }) {
  const zone = store.zoneOf(event.store);
  return html`<tr><th scope="row"><button type="button" class="key key--quiet found__sale" aria-haspopup="dialog" onClick=${() => ((told.value = ""), (opened.value = event))}>${say("aside_event", { seq: event.seq })}</button></th>
    <td data-label=${say("shop")}><bdi>${store.storeName(event.store)}</bdi></td><td data-label=${say("aside_type")}>${event.type ? html`<bdi dir="ltr">${event.type}</bdi>` : say(event.delivery ? "aside_delivery" : "aside_unreadable")}</td>
    <td data-label=${say("aside_when")}>${event.at > 0 ? onDay(event.at, zone) : "–"}</td>
    <td class="say full"><bdi lang="en">${event.reason}</bdi></td></tr>`;
}

export function Aside() {
  const all = events.value;
  const shops = [...new Set(all.map((each) => each.store))];
  const column = (/** @type {string} */ name) => html`<th scope="col">${name}</th>`;
  if (all.length === 0) return html`<p class=${told.value ? "shops aside__told" : "said"} role="status">${told.value}</p>`;
  return html`<section class="shops over" aria-labelledby="aside-title"><div class="hd"><h2 id="aside-title">${say("aside")}</h2><div class="twin"><button type="button" onClick=${save}><${Icon} name="csv" size="s" />CSV</button></div>
      <p class="quiet">${say("aside_words")}</p></div>
    <p class="acts">${shops.map((slug) => html`<button type="button" key=${slug} class="key" aria-disabled=${asking.value ? "true" : undefined} onClick=${() => void readAllAgain(slug)}><${Icon} name="refresh" size="s" />${say("aside_all_again", { shop: store.storeName(slug) })}</button>`)}</p>
    <p class="aside__told" role="status">${told.value}</p><p class="field__fault" role="alert">${fault.value && html`<${Icon} name="person" size="s" />`}<span>${fault.value}</span></p>
    <table class="table found"><thead><tr>${column(say("aside_one"))}${column(say("shop"))}${column(say("aside_type"))}${column(say("aside_when"))}${column(say("aside_why"))}</tr></thead>
      <tbody>${all.slice(0, ROWS_SHOWN).map((each) => html`<${Row} key=${`${each.store} ${each.gen} ${each.seq}`} event=${each} />`)}</tbody></table>
    ${(all.length > ROWS_SHOWN || more.value) && html`<p class="hint foot">${say("aside_more", { n: ROWS_SHOWN })}</p>`}
    ${opened.value && html`<${AsideSheet} key=${`${opened.value.store} ${opened.value.gen} ${opened.value.seq}`} event=${opened.value} close=${() => (opened.value = null)} done=${done} />`}</section>`;
}
