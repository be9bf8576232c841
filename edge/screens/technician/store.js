// What the device wall knows: who is signed in, what the box said last, and which sheet a person opened.
import { computed, signal } from "@preact/signals";

/** @typedef {import("./protocol").WallView} WallView */
/** @typedef {import("./protocol").WallDevice} WallDevice */
/** @typedef {import("./protocol").FoundDevice} FoundDevice */
/**
 * @typedef {{kind: "adopt", host: string, found: FoundDevice | null} | {kind: "device", id: string} |
 *   {kind: "replace", id: string} | {kind: "bind", id: string} | {kind: "release", id: string} | {kind: "drawer", id: string} |
 *   {kind: "day", id: string} | {kind: "recording", id: string, body: import("./protocol").RecordingBody} | {kind: "box"}} Sheet
 */

/** `opening` until the box was heard; `stranger` where this screen is not enrolled. */
export const stage = signal(/** @type {"opening" | "stranger" | "gate" | "wall"} */ ("opening"));
export const session = signal(/** @type {import("./protocol").TechnicianView | null} */ (null));
export const view = signal(/** @type {WallView | null} */ (null));
/** Whether what is shown is true now. */
export const live = signal(false);
export const sheet = signal(/** @type {Sheet | null} */ (null));
/** What is said in the line that is always there. */
export const message = signal(/** @type {{tone: "" | "well" | "wait" | "person", words: string} | null} */ (null));
export const shown = signal(/** @type {"all" | "trouble" | "found"} */ ("all"));
/** Tests that are under way, by device. */
export const testing = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** The support bundle that was saved last. */
export const bundleName = signal("");

const DAY_TROUBLES = new Set(["day_in_doubt", "day_more", "day_less", "day_not_closed"]);
/** Whether the end of a terminal's day wants somebody. @param {WallDevice} device */
export const dayTroubles = (device) => device.day !== null && DAY_TROUBLES.has(device.day.code);
/** @param {WallDevice} device */
export const wantsSomebody = (device) => !device.well || dayTroubles(device);

/** Everything found on every host. */
export const found = computed(() => (view.value?.hosts ?? []).flatMap((host) => host.found.map((device) => ({ host: host.name, device }))));
/** Trouble first, then the order of the shop. */
export const devices = computed(() => {
  const all = view.value?.devices ?? [];
  return [...all.filter(wantsSomebody), ...all.filter((device) => !wantsSomebody(device))];
});
export const troubles = computed(() => devices.value.filter(wantsSomebody).length);

/** @param {string} id */
export const deviceOf = (id) => view.value?.devices.find((device) => device.id === id) ?? null;
/** @param {string} name */
export const hostOf = (name) => view.value?.hosts.find((host) => host.name === name) ?? null;

export function forget() {
  view.value = null;
  live.value = false;
  sheet.value = null;
  message.value = null;
  shown.value = "all";
  testing.value = new Set();
  bundleName.value = "";
}
