// Calls of head office. Three ends: an answer, a refusal in words, or silence (then nobody knows).

const ANSWER_MS_MAX = 8_000; // longer than any query; a head office that needs more is not there
const SERVER_SIDE = 500;

/** Head office said no, and why. */
export class Refusal extends Error {
  /** @param {import("./protocol").RefusalView} body @param {number} status */
  constructor(body, status) {
    super(body.message);
    this.code = body.code;
    this.status = status;
  }
}

/** No answer came, or none that says what became of the wish. */
export class Silence extends Error {}

/**
 * @param {"GET" | "POST" | "DELETE"} method @param {string} path @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function ask(method, path, body) {
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method,
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    answer = text ? JSON.parse(text) : null;
  } catch (error) {
    throw new Silence(`${method} ${path}: ${error}`);
  }
  if (response.ok) return answer;
  if (typeof answer?.code !== "string" || response.status >= SERVER_SIDE) throw new Silence(`${method} ${path}: ${response.status}`);
  throw new Refusal(answer, response.status);
}
