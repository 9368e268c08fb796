// Calls of the admin API.

/** What a refused call says: the detail, the field, the hint. */
export class Refused extends Error {
  constructor(status, problem) {
    const place = problem.field ? `${problem.field}: ` : "";
    super(`${place}${problem.detail ?? `the call was answered with ${status}`}${problem.hint ? ` (${problem.hint})` : ""}`);
    this.status = status;
    this.problem = problem;
  }
}

async function call(path, options) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  const text = await answer.text();
  let value = {};
  try {
    value = JSON.parse(text);
  } catch {
    value = { detail: text.slice(0, 300) };
  }
  if (!answer.ok) throw new Refused(answer.status, value);
  return value;
}

/** Asks for something that changes nothing. */
export const ask = (path) => call(path, {});

const JSON_TYPE = { "Content-Type": "application/json" };

/** Makes a changing call. */
export const send = (path, body) => call(path, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });

/** Cancels what the path names. */
export const cancel = (path) => call(path, { method: "DELETE", headers: JSON_TYPE });
