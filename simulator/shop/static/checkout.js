// The checkout page: its form, its messages, its moods. Everything about Panless and the hosted fields is in panless.js.
import { openCheckout } from "./panless.js";

const $ = (id) => document.getElementById(id);
const { panlessUrl, plan, members } = $("checkout").dataset;
const form = $("form");
const pay = $("pay");
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const BRANDS = {
  AMEX: "American Express", CHINA_UNION_PAY: "UnionPay", DINERS: "Diners Club", DISCOVER: "Discover", JCB: "JCB", MASTERCARD: "Mastercard", VISA: "Visa",
};
const FIELD_TEXTS = {
  ccn: { empty: "Enter the card number.", invalid: "Check the card number: it is not complete or has a typing error." },
  exp: { empty: "Enter the expiry date.", invalid: "Check the expiry date: month and year, as in 05 / 30, not in the past." },
  cvv: { empty: "Enter the security code.", invalid: "Check the security code: three digits on the back, or four on the front of an American Express card." },
};
const DECLINES = {
  declined: "Your bank declined this card. Nothing was charged. Please type the card again, or use another one.",
  try_another_card: "This card was refused. Nothing was charged. Please use another card.",
  authentication_required: "Your bank wants an extra check that this shop cannot show. Nothing was charged. Please use another card.",
};
const LATER = " No further try is possible at the moment. Please come back in ten minutes.";
const UNAVAILABLE = "The payment could not be confirmed just now. It is safe to press Pay again: you cannot be charged twice.";

let checkout = null;
let busy = true;
let quietWhenEmpty = true; // an empty card field is only complained about once somebody tried to pay

// A message that appears or goes while the mouse is down would move the button away from under it: such ones wait for the release.
let released = Promise.resolve();
document.addEventListener("pointerdown", () => {
  released = new Promise((resolve) => {
    for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(resolve), { once: true });
    setTimeout(resolve, 1_000);
  });
});

// ---- messages -------------------------------------------------------------------------------------------------------

function notice(text, link = "") {
  $("notice").replaceChildren(text);
  if (link) $("notice").append(" ", Object.assign(document.createElement("a"), { href: "/welcome", textContent: link }));
  $("notice").hidden = text === "";
  if (text) $("notice").focus();
}

/** `id` is that of the control, or the tag of a hosted field. */
function complain(id, text) {
  const line = $(`${id}-error`);
  line.textContent = text;
  line.hidden = text === "";
  const field = line.closest(".field");
  field.classList.toggle("wrong", text !== "");
  field.querySelector("input, select")?.setAttribute("aria-invalid", String(text !== ""));
}

function progress(text) {
  $("progress").textContent = text;
}

function settle(isBusy, label) {
  busy = isBusy;
  form.setAttribute("aria-busy", String(isBusy));
  pay.setAttribute("aria-disabled", String(isBusy));
  pay.classList.toggle("working", isBusy);
  pay.textContent = label;
}

const amount = () => dollars.format(Number(checkout.session().total.amount));

function ready() {
  $("total").textContent = amount();
  $("card-fields").setAttribute("aria-busy", "false");
  progress("");
  settle(false, `Pay ${amount()}`);
}

// ---- the payer's part of the form ---------------------------------------------------------------------------------------

const controls = () => [...form.querySelectorAll("input, select")].filter((control) => !control.disabled && !control.closest("[hidden]"));

function problemOf(control) {
  const [first, ...rest] = control.labels[0].firstChild.textContent.trim();
  const label = first.toLowerCase() + rest.join("");
  if (control.validity.valueMissing) return control.tagName === "SELECT" ? `Choose a ${label}.` : `Enter the ${label}.`;
  if (control.validity.typeMismatch) return "Check the e-mail address: it should look like ada@example.org.";
  return "";
}

function payer() {
  const entries = controls().map((control) => [control.name, control.value.trim()]);
  return Object.fromEntries(entries.filter(([, value]) => value !== ""));
}

/** Marks what is wrong and returns the first control that is. */
function checkPayer() {
  for (const control of controls()) complain(control.id, problemOf(control));
  return controls().find((control) => problemOf(control));
}

function showStates() {
  for (const field of form.querySelectorAll("[data-country]")) {
    field.hidden = field.dataset.country !== $("country").value;
    field.querySelector("select").disabled = field.hidden;
  }
}

form.addEventListener("change", async ({ target }) => {
  if (target.id === "country") showStates();
  await released;
  complain(target.id, problemOf(target));
});

// ---- the hosted fields --------------------------------------------------------------------------------------------------

const boxOf = (tag) => document.querySelector(`[data-bluesnap="${tag}"]`).parentElement;
const intoFrame = (tag) => boxOf(tag).querySelector("iframe")?.focus();

const fields = {
  style: {
    input: { "font-size": "16px", "font-family": getComputedStyle(document.body).fontFamily, color: "#1b2330", padding: "0 14px" },
    "::placeholder": { color: "#626b78" },
    ".invalid": { color: "#a3271d" },
  },
  ccnPlaceHolder: "1234 5678 9012 3456",
  expPlaceHolder: "MM / YY",
  cvvPlaceHolder: "123",
  onFieldEventHandler: {
    onFocus: (tag) => boxOf(tag).classList.add("focused"),
    onBlur: (tag) => boxOf(tag).classList.remove("focused"),
    onEnter: () => form.requestSubmit(),
    onValid: (tag) => complain(tag, ""),
    onType: (tag, brand) => { $("card-brand").textContent = BRANDS[brand] ?? ""; },
    onError: async (tag, code, description, origin) => {
      if (origin === "onBlur" && description === "empty" && quietWhenEmpty) return;
      await released;
      complain(tag, code === "22013" ? "This kind of card is not accepted here." : (FIELD_TEXTS[tag][description] ?? FIELD_TEXTS[tag].invalid));
    },
  },
};
for (const label of document.querySelectorAll("[data-focus]")) label.addEventListener("click", () => intoFrame(label.dataset.focus));

/** Fresh fields are empty: what was said about the old ones is void. */
function forgetCard() {
  quietWhenEmpty = true;
  $("card-brand").textContent = "";
  for (const tag of Object.keys(FIELD_TEXTS)) complain(tag, "");
}

// ---- paying -------------------------------------------------------------------------------------------------------------

const OUTCOMES = {
  active: () => location.assign("/welcome"),
  undecided: () => location.assign("/welcome#pending"),
  exists: () => notice("This account already has a paid plan. Nothing was charged now.", "See your account"),
  declined: ({ reason, closed }) => {
    forgetCard();
    notice((DECLINES[reason] ?? DECLINES.declined) + (closed ? LATER : ""));
  },
  retype: ({ closed }) => {
    forgetCard();
    notice(`The card fields had expired, so nothing was charged. Please type the card again.${closed ? LATER : ""}`);
  },
  fields_invalid: ({ errors }) => {
    quietWhenEmpty = false;
    intoFrame(errors[0].tagId);
  },
  payer_invalid: ({ pointers }) => {
    const wrong = controls().filter((control) => pointers.includes(`/payer/${control.name}`));
    for (const control of wrong) complain(control.id, "Please check this. The payment provider does not take it.");
    notice("Some of your details were not accepted. Nothing was charged. Please check them.");
    wrong[0]?.focus();
  },
  too_many_attempts: () => notice(`There were too many attempts. Nothing was charged.${LATER}`),
  unavailable: () => notice(UNAVAILABLE),
  refused: () => notice("The payment was not accepted, and nothing was charged. Please load this page again."),
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  notice("");
  const wrong = checkPayer();
  if (wrong) {
    wrong.focus();
    return;
  }
  settle(true, "Paying…");
  progress("Paying. Please leave this page open.");
  const result = await checkout
    .pay(payer(), () => progress("Your bank takes longer than usual. We are confirming your payment; please leave this page open."))
    .catch(() => ({ outcome: "unavailable" }));
  if (!["active", "undecided"].includes(result.outcome)) ready();
  OUTCOMES[result.outcome](result);
});

async function openSession() {
  const answer = await fetch("/api/checkout", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ plan, members: Number(members) }),
  });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.message), { plain: true, code: body.code });
  return body;
}

showStates();
openCheckout({ panlessUrl, openSession, fields }).then(
  (opened) => {
    checkout = opened;
    ready();
  },
  (error) => {
    const bought = ["subscription_exists", "signup_undecided"].includes(error.code);
    $("closed-text").textContent = error.plain ? error.message : "The card fields could not be loaded.";
    Object.assign($("closed-link"), bought ? { href: "/welcome", textContent: "See your account" } : { href: "", textContent: "Try again" });
    $("checkout").classList.add("shut");
    form.hidden = true;
    $("closed").hidden = false;
    $("closed").focus();
  },
);
