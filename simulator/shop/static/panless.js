// How a page sells a plan, or takes another card, through Panless. This file is meant to be copied: it knows the hosted fields
// and four calls, and nothing of the shop around it. Card data never passes through here: the callback's `cardData` is left unread.

const SLOW_AFTER = 10_000; // a bank may take 40 seconds; from here on the page should say that it is confirming
const GIVE_UP_AFTER = 60_000; // without an answer; the attempt is kept, and paying again sends the same one
const ANSWER_WITHIN = 75_000;
const POLL_EVERY = 2_000;
// Codes of the hosted fields: renew and type again; the bank's check was not passed; it cannot be made at all
const DEAD_TOKEN = new Set(["14040", "14041", "14042", "400", "403", "404"]);
const CHECK_FAILED = new Set(["14101", "14103"]);
const CHECK_UNAVAILABLE = new Set(["14100", "14102"]);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Opens a checkout in the page's elements data-bluesnap="ccn", "exp" and "cvv".
 *
 * panlessUrl    where Panless answers, e.g. "https://billing.example.com"
 * openSession   asks your own backend for a checkout session (POST /v1/checkout-sessions with your API key); resolves with its JSON
 * fields        options for the hosted fields: style, placeholders, onFieldEventHandler
 *
 * Resolves with { session(), pay(payer, onSlow) }. pay() resolves with { outcome, … }, where outcome is
 *
 * active             paid: give access (your backend reads it with GET /v1/accounts/{account})
 * declined           refused, nothing charged; `reason` is declined, try_another_card or authentication_required
 * retype             the payment-fields token had died, nothing charged
 * fields_invalid     `errors` of the hosted fields; nothing was sent
 * payer_invalid      `pointers` such as "/payer/zip"; nothing charged
 * exists             this account has a plan already
 * undecided          an earlier payment is still being confirmed: no new one until then
 * too_many_attempts  come back later
 * unavailable        nobody answered; it is safe to call pay() again
 * authentication_failed       the bank's check (3-D Secure) was not passed, nothing charged
 * authentication_unavailable  that check is needed and cannot be made here, nothing charged
 * refused            anything else; `code` says what
 *
 * After "declined", "retype" and "authentication_failed" the fields are fresh and empty, unless `closed: true` says that no
 * further try is possible now.
 *
 * 3-D Secure: where the session demands it, or a decline was for want of it (`reason` authentication_required), the fields
 * that are mounted next run the bank's check when pay() is called: a window of the bank may open over the page, for as long as
 * people need. Its reference goes to Panless with the completion; what the browser says of its result counts for nothing.
 */
export function openCheckout({ panlessUrl, openSession, fields = {} }) {
  return open({ panlessUrl, openSession, fields, done: "active" }).then(({ session, submit }) => ({
    session,
    pay: (payer, onSlow) => submit({ payer }, session().total, onSlow),
  }));
}

/**
 * Opens the fields for another card of an account that has a plan. Takes what openCheckout takes, and
 *
 * openSession   as above, for a session with `purpose: "replace_card"`
 * nextTotal     { amount, currency } of the next charge: what the bank is told if it checks who the customer is
 *
 * Resolves with { session(), replace(onSlow) }. replace() resolves as pay() does, with two differences: "replaced" stands in
 * place of "active", and "cards_alike" says that the new card cannot be told from one on file: nothing was changed, and the
 * fields are fresh.
 */
export function openCardReplacement({ panlessUrl, openSession, nextTotal, fields = {} }) {
  return open({ panlessUrl, openSession, fields, done: "replaced" }).then(({ session, submit }) => ({
    session,
    replace: (onSlow) => submit({}, nextTotal, onSlow),
  }));
}

/** What both have in common. `done` is the outcome of success. */
async function open({ panlessUrl, openSession, fields, done }) {
  let session = await openSession();
  let attempt = null; // { key, body } of a card attempt that was sent and has no final answer yet
  let running = null;
  let asked = false; // a bank asked for 3-D Secure: it stays on, also on another session
  let checks = false; // what the mounted fields were made for

  async function call(method, path, key, body) {
    const headers = { Authorization: `Bearer ${session.client_secret}`, Accept: "application/json" };
    if (key) Object.assign(headers, { "Content-Type": "application/json", "Idempotency-Key": key });
    const signal = AbortSignal.timeout(ANSWER_WITHIN);
    const url = `${panlessUrl}/v1/checkout-sessions/${session.id}${path}`;
    try {
      const answer = await fetch(url, { method, headers, signal, body: key && JSON.stringify(body), credentials: "omit" });
      return { status: answer.status, body: await answer.json() };
    } catch {
      return { status: 0, body: {} }; // nobody knows whether it arrived
    }
  }

  async function mount() {
    const { script_url, token } = session.hosted_fields;
    checks = asked || session.three_d_secure === "required";
    await loadOnce(script_url);
    await new Promise((resolve, reject) => {
      setTimeout(reject, 20_000, new Error("the card fields did not load"));
      const onFieldEventHandler = { ...fields.onFieldEventHandler, setupComplete: resolve };
      window.bluesnap.hostedPaymentFieldsCreate({ ...fields, token, onFieldEventHandler, "3DS": checks });
    });
  }

  /** Fresh, empty fields: on this session if it still lives, else on a new one. */
  async function renewed(result) {
    asked ||= result.reason === "authentication_required";
    try {
      const { status, body } = await call("POST", "/renewals", crypto.randomUUID(), {});
      if (body.code === "session_complete") return { outcome: done };
      if (body.code === "signup_undecided") return watch();
      if (status === 429) return { ...result, closed: true };
      session = status === 201 ? { ...session, ...body } : await openSession();
      await mount();
      return result;
    } catch {
      return { ...result, closed: true };
    }
  }

  /** The same attempt under the same key until something answers: however often it is sent, it can be charged once. */
  async function send({ key, body }) {
    for (const end = Date.now() + GIVE_UP_AFTER; ; await sleep(POLL_EVERY)) {
      const answer = await call("POST", "/completion", key, body);
      const waiting = answer.status === 0 || answer.body.code === "idempotency_key_in_progress";
      if (!waiting || Date.now() > end) return answer;
    }
  }

  /** The outcome is not known yet: ask until it is. Never a second attempt meanwhile. */
  async function watch() {
    for (;;) {
      await sleep(POLL_EVERY);
      const { status, body } = await call("GET", "");
      if (status >= 400 && status < 500 && status !== 429) return { outcome: "undecided" };
      if (status !== 200 || body.status === "confirming") continue;
      attempt = null;
      if (body.status === "complete") return { outcome: done };
      return renewed(body.last_decline ? { outcome: "declined", reason: body.last_decline.advice } : { outcome: "retype" });
    }
  }

  async function settle({ status, body }) {
    if (status === 202) return watch();
    const undecided = status === 0 || (status >= 500 && !body.code?.startsWith("bluesnap_"));
    if (!undecided) attempt = null;
    if (status === 0 || status >= 500) return { outcome: "unavailable" };
    if (status === 200 || status === 201) return { outcome: done, subscription: body };
    if (status === 402) return renewed({ outcome: "declined", reason: body.reason });
    if (body.code === "three_d_secure_required") return renewed({ outcome: "declined", reason: "authentication_required" });
    if (body.errors) return { outcome: "payer_invalid", pointers: body.errors.map((error) => error.pointer) };
    switch (body.code) {
      case "payment_fields_token_expired":
      case "payment_fields_token_not_found":
      case "payment_fields_token_empty":
      case "session_expired":
      case "session_failed":
      case "client_secret_expired":
        return renewed({ outcome: "retype" });
      case "details_refused":
        return { outcome: "payer_invalid", pointers: [] };
      case "subscription_exists":
      case "session_complete":
        return { outcome: "exists" };
      case "signup_undecided":
        return { outcome: "undecided" };
      case "cards_alike":
        return renewed({ outcome: "cards_alike" });
      case "too_many_attempts":
        return { outcome: "too_many_attempts" };
      default:
        return { outcome: "refused", code: body.code };
    }
  }

  /** Asks the fields to send the card, and the bank to check it where that is needed; null, or the outcome that ends it here. */
  async function sendCard(body, due) {
    const data = checks ? { amount: Number(due.amount), currency: due.currency, ...billing(body.payer) } : undefined;
    const card = await new Promise((resolve) => window.bluesnap.hostedPaymentFieldsSubmitData(resolve, data));
    const codes = (card.error ?? []).map((error) => String(error.errorCode));
    const among = (known) => codes.some((code) => known.has(code));
    if (among(DEAD_TOKEN)) return renewed({ outcome: "retype" });
    if (among(CHECK_FAILED)) return renewed({ outcome: "authentication_failed" });
    if (among(CHECK_UNAVAILABLE)) return { outcome: "authentication_unavailable" };
    if (codes.some((code) => code === "10" || code === "22013")) return { outcome: "fields_invalid", errors: card.error };
    if (codes.length) return { outcome: "unavailable" };
    const { authResult, threeDSecureReferenceId: reference } = card.threeDSecure ?? {};
    if (data && (!reference || authResult === "AUTHENTICATION_FAILED")) return renewed({ outcome: "authentication_failed" });
    attempt = { key: crypto.randomUUID(), body: { ...body, fraud_session_id: card.transactionFraudInfo.fraudSessionId } };
    if (data) attempt.body.three_d_secure_reference = String(reference);
    return null;
  }

  async function run(body, due, onSlow) {
    const ended = attempt ? null : await sendCard(body, due);
    if (ended) return ended;
    const slow = setTimeout(onSlow, SLOW_AFTER);
    const answer = await send(attempt);
    if (answer.status === 202) onSlow();
    return settle(answer).finally(() => clearTimeout(slow));
  }

  await mount();
  return {
    session: () => session,
    /** A second click while one is running gets the same promise. */
    submit: (body, due, onSlow = () => {}) => (running ??= run(body, due, onSlow).finally(() => (running = null))),
  };
}

/** The payer under the names that the bank's check knows them by; they go to the hosted fields, as the amount does. */
function billing({ first_name, last_name, country, state, zip, email } = {}) {
  const named = { billingFirstName: first_name, billingLastName: last_name, billingCountry: country, billingState: state, billingZip: zip, email };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

const loading = new Map();

/** The script of the hosted fields, once per page; a second copy would break 3-D Secure. */
function loadOnce(src) {
  if (!loading.has(src)) {
    loading.set(src, new Promise((resolve, reject) => {
      const onerror = () => reject(new Error("the card fields did not load"));
      document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror }));
    }));
  }
  return loading.get(src);
}
