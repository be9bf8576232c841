// The technician's device wall: every device of the shop as it is, what was found, and what to do next.
import { effect } from "@preact/signals";
import { render } from "preact";
import { brandName, takeBrand } from "../kit/branding.js";
import { installIcons } from "../kit/icons.js";
import { html } from "../kit/parts.js";
import { look } from "./access.js";
import { EnrolGate, SignInGate } from "./gate.js";
import { deviceTalks, language, say } from "./technician_words.js";
import { Wall } from "./wall.js";
import * as store from "./store.js";

function Page() {
  switch (store.stage.value) {
    case "stranger":
      return html`<${EnrolGate} />`;
    case "gate":
      return html`<${SignInGate} />`;
    case "wall":
      return html`<${Wall} />`;
    default:
      return html`<main class="gate" aria-busy="true"><p role="status">${say("opening")}</p></main>`;
  }
}

effect(() => {
  document.body.dataset["state"] = store.stage.value;
});
effect(() => {
  document.title = `${language() && say("wall")} · ${brandName.value}`;
});

installIcons();
await deviceTalks();
render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
void fetch("/branding.json", { cache: "no-store" })
  .then((answer) => answer.json())
  .then(takeBrand, () => undefined);
void look();
