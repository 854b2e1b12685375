// The checkout page: its form, its messages, its moods. Everything about Panless and the hosted fields is in panless.js.
import { ask } from "./backend.js";
import { LATER, cardFields, complain, refusalText, released } from "./cardfields.js";
import { money } from "./format.js";
import { openCheckout } from "./panless.js";

const $ = (id) => document.getElementById(id);
const { panlessUrl, plan, members } = $("checkout").dataset;
const form = $("form");
const pay = $("pay");
const UNAVAILABLE = "The payment could not be confirmed just now. It is safe to press Pay again: you cannot be charged twice.";

let checkout = null;
let busy = true;

// ---- messages -------------------------------------------------------------------------------------------------------

function notice(text, link = "") {
  $("notice").replaceChildren(text);
  if (link) $("notice").append(" ", Object.assign(document.createElement("a"), { href: "/welcome", textContent: link }));
  $("notice").hidden = text === "";
  if (text) $("notice").focus();
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

const amount = () => money(checkout.session().total);

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
  await released();
  complain(target.id, problemOf(target));
});

// ---- paying -------------------------------------------------------------------------------------------------------------

const card = cardFields({ onEnter: () => form.requestSubmit() });

function refused(result) {
  if (result.outcome !== "authentication_unavailable") card.forget();
  notice(refusalText(result, "Nothing was charged."));
}

const OUTCOMES = {
  active: () => location.assign("/welcome"),
  undecided: () => location.assign("/welcome#pending"),
  exists: () => notice("This account already has a paid plan. Nothing was charged now.", "See your account"),
  declined: refused,
  retype: refused,
  authentication_failed: refused,
  authentication_unavailable: refused,
  fields_invalid: ({ errors }) => card.showFirst(errors),
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

const openSession = () => ask("POST", "/api/checkout", { plan, members: Number(members) });

showStates();
openCheckout({ panlessUrl, openSession, fields: card.options }).then(
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
