// Wishes that are done once: an answer that was lost is asked for again under the same command.
import { newId } from "../kit/ids.js";
import { ask, Refusal } from "./office_api.js";

/** @typedef {{said: "done", answer: any} | {said: "refused", refusal: Refusal} | {said: "silent"}} Outcome */

/** @type {Map<string, string>} */
const commands = new Map();

/** Asks for something to be done. @param {string} path @param {Record<string, unknown>} wish @returns {Promise<Outcome>} */
export async function wishFor(path, wish) {
  const key = `${path} ${JSON.stringify(wish)}`;
  const command = commands.get(key) ?? newId();
  commands.set(key, command);
  try {
    const answer = await ask("POST", path, { command, ...wish });
    commands.delete(key);
    return { said: "done", answer };
  } catch (error) {
    if (!(error instanceof Refusal)) return { said: "silent" };
    commands.delete(key);
    return { said: "refused", refusal: error };
  }
}
