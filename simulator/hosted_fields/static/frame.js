// One field of the card, inside its own frame. It speaks with exactly one page (the parent, at the origin named in the
// fragment of this frame's address) and calls exactly one server (its own origin). What is typed goes to that server only.
import * as cards from "./cards.js";

const CALL_SECONDS = 20;
const tag = document.documentElement.dataset.tag;
const input = document.getElementById(tag);
const hint = document.getElementById("hint");
const page = decodeURIComponent(location.hash.slice(1));

let token = "";
let brand = "UNKNOWN";
let state = ""; // "", "valid" or "invalid": what was last said to the page

const FIELDS = {
  ccn: {
    format: (text) => cards.formatNumber(text),
    valid: () => cards.numberIsValid(cards.digitsOf(input.value)),
    part: () => ({ ccNumber: cards.digitsOf(input.value) }),
    hint: "This card number is not complete or has a typing error.",
  },
  exp: {
    format: cards.formatExpiry,
    valid: () => cards.expiryIsValid(input.value),
    part: () => ({ expDate: cards.expiryOf(input.value) }),
    hint: "Give the month and year printed on the card, as in 05 / 30. It must not be past.",
  },
  cvv: {
    format: (text) => cards.digitsOf(text).slice(0, Math.max(...cards.codeLength(brand))),
    valid: () => cards.codeIsValid(cards.digitsOf(input.value), brand),
    part: () => ({ cvv: cards.digitsOf(input.value) }),
    hint: "The security code is three digits on the back of the card, or four on the front of an American Express card.",
  },
};
const field = FIELDS[tag];

// Error names of the card call, as bluesnap/hosted-fields.md sections 2 and 4 number them for pages.
const CODES = {
  EXPIRED_TOKEN: "14040",
  TOKEN_NOT_FOUND: "14041",
  TOKEN_WAS_ALREADY_USED_FOR_CC: "14041",
  NO_PAYMENT_DETAILS_LINKED_TO_TOKEN: "14042",
  CARD_TYPE_NOT_SUPPORTED: "22013",
  INVALID_CC_NUMBER: "10",
  INVALID_CVV: "10",
  INVALID_EXP_DATE: "10",
};
// What the page may learn about the card (section 3, "cardData"); anything else in an answer stays here.
const PUBLIC = ["ccType", "last4Digits", "issuingCountry", "isRegulatedCard", "cardSubType", "cardCategory", "binCategory", "ccBin"];

function tell(type, detail = {}) {
  if (page) window.parent.postMessage({ source: "bluesnap-hosted-field", tag, type, ...detail }, page);
}

const problem = () => (cards.digitsOf(input.value) === "" ? "empty" : field.valid() ? "" : "invalid");

function show(next) {
  if (next === state) return;
  state = next;
  input.classList.toggle("invalid", next === "invalid");
  input.classList.toggle("valid", next === "valid");
  input.setAttribute("aria-invalid", String(next === "invalid"));
  hint.textContent = next === "invalid" ? field.hint : "";
  if (next === "valid") tell("valid");
}

function complain(eventOrigin, code = "10", description = problem() || "invalid") {
  show("invalid");
  tell("error", { code, description, eventOrigin });
}

/** Puts the separators in, and the caret back to the digit it stood behind. */
function reformat(event) {
  const before = cards.digitsOf(input.value.slice(0, input.selectionStart)).length;
  const atEnd = input.selectionStart === input.value.length;
  input.value = field.format(input.value, (event.inputType ?? "").startsWith("delete"));
  if (atEnd) return;
  let caret = 0;
  for (let seen = 0; seen < before && caret < input.value.length; caret += 1) seen += /\d/.test(input.value[caret]) ? 1 : 0;
  input.setSelectionRange(caret, caret);
}

input.addEventListener("input", (event) => {
  reformat(event);
  if (tag === "ccn" && cards.brandOf(input.value) !== brand) {
    brand = cards.brandOf(input.value);
    tell("type", { brand });
  }
  if (!problem()) show("valid");
  else if (state === "valid") show("");
});
input.addEventListener("focus", () => tell("focus"));
// a page can focus a frame but not what is in it; that is done here
window.addEventListener("focus", () => input.focus());
input.addEventListener("blur", () => {
  tell("blur");
  if (problem()) complain("onBlur");
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter") tell("enter");
});

/** The style of the page, property by property through the CSSOM: text cannot break out, and the policy of this frame forbids loading. */
function dress(style) {
  const sheet = new CSSStyleSheet();
  const selectors = { input: "input", ":focus": "input:focus", "::placeholder": "input::placeholder", ".invalid": ".invalid", ".valid": ".valid" };
  selectors[`#${tag}`] = `#${tag}`;
  for (const [name, selector] of Object.entries(selectors)) {
    if (!style?.[name]) continue;
    const rule = sheet.cssRules[sheet.insertRule(`${selector} {}`, sheet.cssRules.length)];
    for (const [property, value] of Object.entries(style[name])) rule.style.setProperty(property, String(value));
  }
  document.adoptedStyleSheets = [sheet];
}

async function send() {
  const answer = await fetch(`/services/2/payment-fields-tokens/${encodeURIComponent(token)}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json", Accept: "application/json", "Token-Authentication": token },
    body: JSON.stringify(field.part()),
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(CALL_SECONDS * 1000),
  });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) {
    const seen = Object.fromEntries(PUBLIC.filter((name) => name in body).map((name) => [name, String(body[name])]));
    return { ok: true, cardData: tag === "exp" ? { exp: field.part().expDate } : tag === "ccn" ? seen : {} };
  }
  const name = errorName(body);
  return { ok: false, code: CODES[name] ?? String(answer.status), description: CODES[name] === "10" ? "invalid" : name || "Server error" };
}

/** The two calls of 3-D Secure that a field makes for the page: amount and currency go along, nothing else of what the page knows. */
async function authenticate(step, { amount, currency }) {
  const answer = await fetch(`/web-sdk/5/three-d-secure/${encodeURIComponent(token)}/${step}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Token-Authentication": token },
    body: JSON.stringify({ amount, currency }),
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(CALL_SECONDS * 1000),
  });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return { ok: true, challenge: body.challenge === true, authResult: body.authResult, reference: body.threeDSecureReferenceId };
  const first = body?.message?.[0] ?? {};
  return { ok: false, code: String(first.code ?? answer.status), description: String(first.description ?? "Server error") };
}

const errorName = (body) => String(body?.message?.[0]?.errorName ?? body?.errorName ?? "").replace(/[^A-Z_]/g, "");

const NO_CONNECTION = { ok: false, code: "500", description: "No connection" };
const REPLIES = {
  setup: ({ options }) => {
    token = String(options.token);
    if (options.placeholder) input.placeholder = String(options.placeholder);
    dress(options.style);
    return { ok: true };
  },
  check: () => {
    if (!problem()) return { ok: true };
    complain("onSubmit");
    return { ok: false, code: "10", description: problem() };
  },
  send: async () => {
    const result = await send().catch(() => NO_CONNECTION);
    if (!result.ok && ["10", "22013"].includes(result.code)) complain("onSubmit", result.code, result.description);
    return result;
  },
  check3ds: (message) => authenticate("check", message.data).catch(() => NO_CONNECTION),
  run3ds: (message) => authenticate("run", message.data).catch(() => NO_CONNECTION),
  brand: (message) => {
    brand = String(message.brand);
    return { ok: true };
  },
};

window.addEventListener("message", async ({ source, origin, data }) => {
  if (source !== window.parent || origin !== page || data?.source !== "bluesnap-page") return;
  const reply = Object.hasOwn(REPLIES, data.type) ? await REPLIES[data.type](data) : { ok: false, code: "400", description: "Unknown request" };
  tell("reply", { n: data.n, result: reply });
});

tell("ready");
