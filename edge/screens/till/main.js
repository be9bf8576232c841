// The till page: what is shown for the state the box says the till is in.
import { effect } from "@preact/signals";
import { options, render } from "preact";
import { installIcons } from "../kit/icons.js";
import { money } from "../kit/numbers.js";
import { html } from "../kit/parts.js";
import { openSounds } from "../kit/sounds.js";
import { say } from "../kit/words.js";
import { begin } from "./access.js";
import { scanned } from "./doings.js";
import { FinishedDesk } from "./finished.js";
import { EnrolGate, SignInGate } from "./gate.js";
import { listenToKeys } from "./keyboard.js";
import { ResumeOverChange } from "./park_desk.js";
import { DoubtDesk } from "./doubt_desk.js";
import { PayingDesk } from "./paying.js";
import { ReturnOverChange } from "./return_desk.js";
import { takeScan as takeReturnScan } from "./returns.js";
import { SellingDesk } from "./selling.js";
import { look } from "./price_check.js";
import { Sheets } from "./sheets.js";
import { Slip } from "./slip.js";
import { takeScan } from "./tenders.js";
import { TopBar } from "./top_bar.js";
import { listenToWedge } from "./wedge.js";
import * as store from "./store.js";

/** On phones: the sale, or the keys. */
function Panes() {
  const now = store.pane.value;
  const tab = (/** @type {"basket" | "keys"} */ pane, /** @type {unknown} */ words) =>
    html`<button type="button" class="tab" role="tab" aria-selected=${pane === now} onClick=${() => (store.pane.value = pane)}>${words}</button>`;
  return html`<nav class="panes" aria-label=${say("sale")}><div class="tabs" role="tablist" aria-label=${say("sale")}>
    ${tab("basket", html`<span>${say("sale")}</span> <span class="count">${store.liveLines.value.length}</span>`)}${tab("keys", say("keys_pane"))}</div></nav>`;
}

function Desk() {
  switch (store.screen.value) {
    case "paying":
      return html`<${PayingDesk} />`;
    case "change":
      if (store.returning.value) return html`<${ReturnOverChange} now=${store.returning.value} />`;
      return store.parking.value ? html`<${ResumeOverChange} />` : html`<${FinishedDesk} />`;
    case "indoubt":
      return html`<${DoubtDesk} />`;
    default:
      return html`<${SellingDesk} />`;
  }
}

/** The total, said aloud when it changes; digits alone, so that nothing is read twice. */
function TotalAloud() {
  const view = store.view.value;
  const words = view && view.state === "open" ? `${say(view.refund_due_minor > 0 ? "goes_back" : view.tip_minor > 0 ? "tip_to_pay" : "total")} ${money(Math.abs(view.total_minor + view.tip_minor), view.currency)}` : "";
  return html`<p class="said" aria-live="polite">${words}</p>`;
}

function Opening() {
  return html`<main class="opening" aria-busy="true"><p class="said" role="status">${say("opening")}</p><span class="bone"></span><span class="bone"></span><span class="bone"></span></main>`;
}

function Till() {
  switch (store.screen.value) {
    case "opening":
      return html`<${TopBar} /><${Opening} /><${Sheets} />`;
    case "enrol":
      return html`<${TopBar} /><${EnrolGate} />`;
    case "signin":
      return html`<${TopBar} /><${SignInGate} /><${Sheets} />`;
    case "idle":
    case "sell":
      return html`<${TopBar} /><${Panes} /><${TotalAloud} /><${Desk} /><${Slip} /><${Sheets} />`;
    default:
      return html`<${TopBar} /><${TotalAloud} /><${Desk} /><${Slip} /><${Sheets} />`;
  }
}

effect(() => {
  document.body.dataset["state"] = store.screen.value;
  document.body.dataset["desk"] = store.hand.value || store.parking.value || store.returning.value ? "hand" : "";
  document.body.dataset["training"] = store.view.value?.training ? "yes" : "";
  document.body.dataset["pane"] = store.pane.value;
});
options.debounceRendering = (draw) =>
  queueMicrotask(() => {
    draw();
    performance.mark("view-drawn");
  });

const selling = new Set(["idle", "sell", "paying", "change"]);
installIcons();
openSounds();
const checking = () => store.sheet.value === "price";
listenToWedge(
  (code) => (checking() ? void look(code) : takeReturnScan(code) || takeScan(code) || scanned(code)),
  () => selling.has(store.screen.value) && (store.sheet.value === null || checking()),
);
listenToKeys();
render(html`<${Till} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void begin();
