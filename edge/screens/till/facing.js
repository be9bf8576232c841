// What a till does for its customer display: opens its window, and tells the box which article lies on the scale.
import { effect } from "@preact/signals";
import { ask } from "./box_api.js";
import * as store from "./store.js";

const TYPING_MS = 120; // a tare is typed digit by digit

/** Opens the display in a window of its own, to be put on the customer's screen; there is one of each till. */
export function openDisplay() {
  store.sheet.value = null;
  window.open("/display/", "tillbox-display", "popup,width=1024,height=600");
}

/** What the box was told last; unknown at first, for the page may have been loaded anew over goods on the scale. */
let told = "?";

effect(() => {
  const use = store.pad.value;
  const goods = use?.kind === "scale" ? { code: use.code, tare_g: Number(store.padDigits.value || 0) } : { code: "", tare_g: 0 };
  const till = store.session.value?.cashier ? store.session.value.till : "";
  const wish = JSON.stringify(goods);
  if (!till || wish === told) return undefined;
  const timer = setTimeout(
    () => {
      told = wish;
      // a customer who sees no weight yet sees it on the line that is sold: nothing waits for this
      void ask("POST", `/api/v1/tills/${encodeURIComponent(till)}/scale-goods`, goods).catch(() => void (told = "?"));
    },
    told === "?" || !goods.tare_g ? 0 : TYPING_MS,
  );
  return () => clearTimeout(timer);
});
