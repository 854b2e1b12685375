// How a page sells a plan through Panless. This file is meant to be copied: it knows the hosted fields and four calls, and
// nothing of the shop around it. Card data never passes through here: the callback's `cardData` is left unread.

const SLOW_AFTER = 10_000; // a bank may take 40 seconds; from here on the page should say that it is confirming
const GIVE_UP_AFTER = 60_000; // without an answer; the attempt is kept, and paying again sends the same one
const ANSWER_WITHIN = 75_000;
const POLL_EVERY = 2_000;
const DEAD_TOKEN = new Set(["14040", "14041", "14042", "400", "403", "404"]); // codes of the hosted fields: renew, type again

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
 * refused            anything else; `code` says what
 *
 * After "declined" and "retype" the fields are fresh and empty, unless `closed: true` says that no further try is possible now.
 */
export async function openCheckout({ panlessUrl, openSession, fields = {} }) {
  let session = await openSession();
  let attempt = null; // { key, body } of a card attempt that was sent and has no final answer yet
  let running = null;

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
    await loadOnce(script_url);
    await new Promise((resolve, reject) => {
      setTimeout(reject, 20_000, new Error("the card fields did not load"));
      const onFieldEventHandler = { ...fields.onFieldEventHandler, setupComplete: resolve };
      window.bluesnap.hostedPaymentFieldsCreate({ ...fields, token, onFieldEventHandler });
    });
  }

  /** Fresh, empty fields: on this session if it still lives, else on a new one. */
  async function renewed(result) {
    try {
      const { status, body } = await call("POST", "/renewals", crypto.randomUUID(), {});
      if (body.code === "session_complete") return { outcome: "active" };
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
      if (body.status === "complete") return { outcome: "active" };
      return renewed(body.last_decline ? { outcome: "declined", reason: body.last_decline.advice } : { outcome: "retype" });
    }
  }

  async function settle({ status, body }) {
    if (status === 202) return watch();
    const undecided = status === 0 || (status >= 500 && !body.code?.startsWith("bluesnap_"));
    if (!undecided) attempt = null;
    if (status === 0 || status >= 500) return { outcome: "unavailable" };
    if (status === 201) return { outcome: "active", subscription: body };
    if (status === 402) return renewed({ outcome: "declined", reason: body.reason });
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
      case "too_many_attempts":
        return { outcome: "too_many_attempts" };
      default:
        return { outcome: "refused", code: body.code };
    }
  }

  async function run(payer, onSlow) {
    if (!attempt) {
      const card = await new Promise((resolve) => window.bluesnap.hostedPaymentFieldsSubmitData(resolve));
      const codes = (card.error ?? []).map((error) => String(error.errorCode));
      if (codes.some((code) => DEAD_TOKEN.has(code))) return renewed({ outcome: "retype" });
      if (codes.some((code) => code === "10" || code === "22013")) return { outcome: "fields_invalid", errors: card.error };
      if (codes.length) return { outcome: "unavailable" };
      attempt = { key: crypto.randomUUID(), body: { payer, fraud_session_id: card.transactionFraudInfo.fraudSessionId } };
    }
    const slow = setTimeout(onSlow, SLOW_AFTER);
    const answer = await send(attempt);
    if (answer.status === 202) onSlow();
    return settle(answer).finally(() => clearTimeout(slow));
  }

  await mount();
  return {
    session: () => session,
    /** A second click while one is running gets the same promise. */
    pay: (payer, onSlow = () => {}) => (running ??= run(payer, onSlow).finally(() => (running = null))),
  };
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
