// The shop's own backend, as its pages call it: same origin, JSON, no key of Panless in sight.

/**
 * Resolves with the JSON of the answer. Rejects with an error that has a plain sentence (`message`, `plain: true`), a `code`, and
 * `unclear: true` where nobody knows whether it was done: the same act may then be asked for again under the same `key`.
 */
export async function ask(method, path, body, key) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  let found;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    found = await answer.json();
  } catch {
    throw Object.assign(new Error("The shop did not answer. Please try again."), { plain: true, unclear: true });
  }
  if (answer.ok) return found;
  throw Object.assign(new Error(found.message), { plain: true, code: found.code, unclear: answer.status >= 500 });
}
