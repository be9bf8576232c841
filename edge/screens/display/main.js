// The customer display: what the box lets a customer see of one till. It sends no commands, and takes no scans.
import { effect } from "@preact/signals";
import { render } from "preact";
import { brandName, takeBrand } from "../kit/branding.js";
import "../kit/choices.js";
import { installIcons } from "../kit/icons.js";
import { html } from "../kit/parts.js";
import { language, LANGUAGES, say, speak } from "../kit/words.js";
import { Goods, OnScale, Sum } from "./goods.js";
import { listen } from "./line.js";
import { Call, Done, Idle, Speech } from "./speech.js";
import * as store from "./store.js";

/** Each by its own name; a press is all it takes. */
function Languages() {
  const press = (/** @type {import("../kit/words.js").Language} */ wanted) => (/** @type {MouseEvent} */ event) => {
    store.choose(wanted);
    // a scanner that types must find no button to press with its Enter
    if (event.detail > 0) /** @type {HTMLElement} */ (event.currentTarget).blur();
  };
  return html`<nav class="languages" aria-label=${say("language")}>${/** @type {import("../kit/words.js").Language[]} */ (Object.keys(LANGUAGES)).map(
    (each) => html`<button type="button" class="key" key=${each} lang=${each === "zh" ? "zh-Hans" : each} aria-pressed=${each === language()} onClick=${press(each)}>${LANGUAGES[each]}</button>`,
  )}</nav>`;
}

function Head() {
  const now = store.view.value;
  return html`<header class="head"><b class="cut">${brandName.value}</b>${now?.greeting && store.screen.value !== "done" && html`<span class="cut">${say("display_hello", { name: now.greeting })}</span>`}</header>`;
}

function Picture() {
  switch (store.screen.value) {
    case "opening":
      return html`<${Speech} title=${say("display_moment")} busy />`;
    case "lost":
      return html`<${Speech} icon="wait" title=${say("display_moment")} words=${say("display_lost_words")} busy />`;
    case "stranger":
      return html`<${Speech} icon="screen" title=${say("display_stranger")} words=${say("display_stranger_words")} />`;
    case "closed":
      return html`<${Idle} closed />`;
    case "ready":
      return html`<${Idle} />`;
    case "weighing":
      return html`<${Head} /><main class="sale"><${OnScale} /><${Sum} /></main>`;
    case "card":
    case "ask_staff":
      return html`<${Head} /><main class="sale"><${Call} /><${Sum} /></main>`;
    case "done":
      return html`<${Head} /><${Done} />`;
    default:
      return html`<${Head} /><main class="sale"><${Goods} /><${Sum} /></main>`;
  }
}

function Display() {
  const training = store.link.value === "there" && store.view.value?.training;
  return html`${training && html`<p class="training">${say("display_training")}</p>`}<${Picture} /><${Languages} />`;
}

effect(() => {
  document.body.dataset["state"] = store.screen.value;
  document.body.dataset["training"] = store.link.value === "there" && store.view.value?.training ? "yes" : "";
});
effect(() => void speak(store.spoken.value));
effect(() => {
  document.title = `${language() && say("display")} · ${brandName.value}`;
});

installIcons();
render(html`<${Display} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void fetch("/branding.json", { cache: "no-store" })
  .then((answer) => answer.json())
  .then(takeBrand, () => undefined);
listen();
