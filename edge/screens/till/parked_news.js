// What happened to parked sales, in words: most of it is other tills' doing, so it is said calmly.
import { say } from "../kit/words.js";
import { parking, session } from "./store.js";

/** @typedef {import("./protocol").ParkedView} ParkedView */
/** @typedef {import("./protocol").TillView} TillView */

/** `till-2` is till 2 to people. @param {string} till */
const short = (till) => till.replace(/^till-/, "");

/** What people call a parked sale: its label, or whoever parked it. @param {ParkedView} parked */
export const parkedName = ({ label, cashier, till }) =>
  label || session.value?.staff.find((each) => each.id === cashier)?.name || say("till_named", { till: short(till) });

/** @param {readonly ParkedView[]} all @param {string | null} sale */
const find = (all, sale) => all.find((each) => each.sale_id === sale);

/** The sale that this till took up just now. @param {TillView} before @param {TillView} next */
export const takenUp = (before, next) => (find(next.parked, next.sale_id) ? undefined : find(before.parked, next.sale_id));

/** The sale that this till set aside just now. @param {TillView} before @param {TillView} next */
export const setAside = (before, next) => (find(before.parked, before.sale_id) ? undefined : find(next.parked, before.sale_id));

/** What is said of it. @param {ParkedView} parked */
export const asideWords = (parked) =>
  parked.for_till ? say("parked_over", { till: short(parked.for_till), name: parkedName(parked) }) : say("parked_kept", { name: parkedName(parked) });

/**
 * What others did to parked sales, in words; empty when it does not matter here. Whoever looks at the list is told
 * of every change, the others of what waits for them.
 * @param {TillView} before @param {TillView} next
 */
export function parkedNews(before, next) {
  const fresh = next.parked.filter((each) => each.sale_id !== before.sale_id && !find(before.parked, each.sale_id));
  const came = fresh.find((each) => each.for_till === next.till) ?? fresh[0];
  if (came && came.for_till === next.till) return say("parked_came_here", { till: short(came.till), name: parkedName(came) });
  const settled = next.parked.find((each) => each.state !== "in_doubt" && find(before.parked, each.sale_id)?.state === "in_doubt");
  if (settled) return say("parked_settled", { name: parkedName(settled) });
  if (parking.value?.kind !== "resume") return "";
  const gone = before.parked.find((each) => each.sale_id !== next.sale_id && !find(next.parked, each.sale_id));
  if (gone) return say("parked_taken", { name: parkedName(gone) });
  return came ? say("parked_came", { till: short(came.till), name: parkedName(came) }) : "";
}
