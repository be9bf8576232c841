// Calls of the box. Three ends: an answer, a refusal in words, or silence (then nobody knows).

/** @typedef {import("./protocol").RefusalBody} RefusalBody */

export const ANSWER_MS_MAX = 8_000; // longer than any commit; a box that needs more is not there
const SIGN_OF_LIFE_MS_MAX = 2_500;
/** Refusals with a 5xx status that are answers all the same: asking again gets the same one. */
const PLAIN_REFUSALS = new Set(["disk_full", "no_reference_yet"]);
const SERVER_SIDE = 500;

/** The box said no, and why. */
export class Refusal extends Error {
  /** @param {RefusalBody} body @param {number} status */
  constructor(body, status) {
    super(body.message);
    this.code = body.code;
    this.advice = body.advice;
    this.params = body.params ?? {};
    this.status = status;
  }
}

/** No answer came, or none that says what became of the wish. */
export class Silence extends Error {}

/**
 * @param {"GET" | "POST" | "DELETE"} method @param {string} path @param {unknown} [body]
 * @param {number} [wait]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body, wait = ANSWER_MS_MAX) {
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method,
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(wait),
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    answer = await response.json();
  } catch (error) {
    throw new Silence(`${method} ${path}: ${error}`);
  }
  if (response.ok) return answer;
  const said = typeof answer?.code === "string" ? /** @type {RefusalBody} */ (answer) : null;
  if (said === null || (response.status >= SERVER_SIDE && !PLAIN_REFUSALS.has(said.code))) {
    throw new Silence(`${method} ${path}: ${response.status}`);
  }
  throw new Refusal(said, response.status);
}

/** Whether the box answers at all; asks for what needs nobody signed in. */
export async function isThere() {
  try {
    await ask("GET", "/branding.json", undefined, SIGN_OF_LIFE_MS_MAX);
    return true;
  } catch (error) {
    return error instanceof Refusal;
  }
}
