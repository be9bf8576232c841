// The bar on top: shop and till, the one connection sign, devices in trouble, who sells, the time.
import { brandName } from "../kit/branding.js";
import { clock } from "../kit/numbers.js";
import { Clock, html, Icon, Wire } from "../kit/parts.js";
import { say } from "../kit/words.js";
import { tillName } from "./access.js";
import { deviceName, deviceWords, worstDevice } from "./trouble_words.js";
import * as store from "./store.js";

/** How the connection stands: which tone, which picture, which words. */
export function connection() {
  const lost = store.boxLostSince.value;
  if (lost !== null) {
    const since = say("link_box_since", { time: clock(lost) });
    return { tone: "lost", broken: "box", lead: say("link_box"), words: since };
  }
  const link = store.view.value?.link;
  if (!link || link.state === "up") {
    const n = link?.waiting_sales ?? 0;
    const lead = say(worstDevice(store.view.value?.devices ?? []) ? "link_up" : "link_well"); // beside a device in trouble not all is well
    return { tone: "well", broken: "", lead, words: n ? say("link_well_some", { n }) : say("link_well_words") };
  }
  const lead = link.state === "never" ? say("link_never") : say("link_office");
  return { tone: "wait", broken: "office", lead, words: link.waiting_sales ? say("link_office_words", { n: link.waiting_sales }) : say("link_office_none") };
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" role="img" aria-label=${brandName.value}>
    <path class="mark__box" d="M3 12h26v17H3z" />
    <path class="mark__slip" d="M9 3h14v19.5l-2.3-1.7-2.4 1.7-2.3-1.7-2.3 1.7-2.4-1.7L9 22.5z" />
    <path class="mark__print" d="M12.5 8h7M12.5 12h7" /></svg>`;
}

function DeviceSign() {
  const trouble = worstDevice(store.view.value?.devices ?? []);
  if (!trouble || store.boxLostSince.value !== null) return null;
  const name = deviceName(trouble);
  return html`<button type="button" class="link link--person" aria-label=${`${name}: ${deviceWords(trouble, store.view.value).lead}`} onClick=${() => (store.sheet.value = "connection")}>
    <${Icon} name="person" size="s" /><span><b class="cut">${name}</b></span></button>`;
}

/** A terminal contradicts what people settled: there until somebody has looked into it. */
function AlarmSign() {
  const n = store.view.value?.card_alarms.length ?? 0;
  if (!n) return null;
  const open = () => {
    store.message.value = null; // the sheet says it all
    store.sheet.value = "alarms";
  };
  return html`<button type="button" class="link link--person" aria-label=${`${say("alarm_sign", { n })}. ${say("alarm_title")}`} onClick=${open}>
    <${Icon} name="card" size="s" /><span><b class="cut">${say("alarm_sign", { n })}</b></span></button>`;
}

/** Nothing counts: said on every screen, as long as it is so. */
function TrainingSign() {
  if (!store.view.value?.training) return null;
  return html`<button type="button" class="link link--training" aria-label=${`${say("training")}. ${say("training_words")}`} onClick=${() => (store.sheet.value = "choices")}><b>${say("training")}</b></button>`;
}

export function TopBar() {
  const { tone, broken, lead, words } = connection();
  const session = store.session.value;
  const cashier = session?.cashier;
  const signed = cashier && store.view.value;
  return html`<header class="top">
    <${Mark} />
    <div class="top__where"><b class="cut" dir="auto">${session?.store_name || brandName.value}</b>
      <span>${session ? say("till_named", { till: tillName(session.till) }) : ""}</span></div>
    <div class="top__signs">
      ${signed && html`<${TrainingSign} /><${AlarmSign} /><${DeviceSign} />`}
      ${(signed || tone === "lost") &&
      html`<button type="button" class=${`link link--${tone}`} aria-label=${`${lead} ${words}`} onClick=${() => (store.sheet.value = "connection")}>
        <${Wire} broken=${broken} /><span><b>${lead}</b>${" "}${tone !== "well" && html`<span>${words}</span>`}</span></button>`}
    </div>
    ${cashier && html`<button type="button" class="key who" aria-label=${`${cashier.name}. ${say("till_choices")}`} onClick=${() => (store.sheet.value = "choices")}>
      <${Icon} name="user" /><bdi class="hide-s cut">${cashier.name}</bdi></button>`}
    <${Clock} at=${store.now.value} />
  </header>`;
}
