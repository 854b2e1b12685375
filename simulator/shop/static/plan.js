// The page of the customer's plan: shows how it stands, as Panless says, and passes on what the customer wants. It decides nothing.
import { ask } from "./backend.js";
import { dayOf, money, people } from "./format.js";
import { setUpCard } from "./plancard.js";
import { setUpChange } from "./planchange.js";
import { setUpCharges } from "./plancharges.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 2_000;
const nameOf = (plan) => $("plan-page").getAttribute(`data-name-${plan}`) ?? plan;
const PENDING = {
  cancellation: "The cancellation is ordered. BlueSnap has not confirmed it yet.",
  resumption: "The cancellation is being undone. BlueSnap has not confirmed it yet.",
  change: "The change is ordered. BlueSnap has not confirmed it yet.",
  ending: "The end of the plan is ordered. BlueSnap has not confirmed it yet.",
  purchase: "The purchase is ordered. BlueSnap has not confirmed it yet.",
};
// Why the account may use what it may use, in words: `reason` of its access.
const REASONS = {
  free: () => "Community is free and has no time limit.",
  paid: () => "It is paid.",
  renewing: () => "The next month is due, and the payment is not confirmed yet. You keep full access meanwhile.",
  grace: (until) => `A payment failed. You keep full access until ${until} while it is tried again. Replacing the card may help.`,
  canceled: (until) => `It is cancelled: yours until ${until}, then you are on Community.`,
  disputed: () => "A payment of this plan is disputed by the bank. The plan does not renew until that is settled.",
};

let now = null; // { account, access, subscription, confirming, returning } as last read
let busy = false;
let kept = null; // { wish, key } of an act of which nobody knows whether it was done
let timer = 0;

// ---- messages -------------------------------------------------------------------------------------------------------

function notice(text) {
  $("said").textContent = "";
  $("notice").textContent = text;
  $("notice").hidden = text === "";
  if (text) $("notice").focus();
}

function say(text) {
  notice("");
  $("said").textContent = text;
  if (text) $("said").focus();
}

// ---- how it stands --------------------------------------------------------------------------------------------------

/** none, running, canceled (and still in use) or over: what the customer can do depends on it. */
function standing({ access, subscription, returning }) {
  if (!subscription) return returning ? "over" : "none";
  if (subscription.status === "ended") return "over";
  if (subscription.renews || subscription.status === "disputed") return "running";
  return access.plan === "community" ? "over" : "canceled";
}

function nextCharge({ next_charge: next, renews }) {
  if (next) return `${money(next.total)} on ${dayOf(next.date)}`;
  return renews ? "" : "None";
}

/** What is ordered and counts from the next charge on. */
function later({ next_plan: next, applies_from: from, members, total, renews }) {
  if (!renews || !(next || from)) return "";
  return `${next ? `${nameOf(next)}, ` : ""}${money(total)} for ${people(members)}`;
}

function facts({ account, access, subscription }) {
  const live = subscription && subscription.status !== "ended" ? subscription : null;
  return {
    access: nameOf(access.plan),
    until: access.until ? dayOf(access.until) : "",
    members: access.members ?? "",
    next: live ? nextCharge(live) : "",
    later: live ? later(live) : "",
    account,
  };
}

function write(values) {
  for (const [name, value] of Object.entries(values)) {
    const place = document.querySelector(`[data-fact="${name}"]`);
    place.textContent = value;
    place.parentElement.hidden = value === "";
  }
}

function show() {
  const { access } = now;
  const stands = standing(now);
  const until = access.until ? dayOf(access.until) : "";
  const pending = pendingOf(now);
  $("headline").textContent = access.plan === "community" ? "You are on Community" : `You have the ${nameOf(access.plan)} plan`;
  $("line").textContent = (REASONS[access.reason] ?? (() => ""))(until);
  write(facts(now));
  for (const part of document.querySelectorAll("[data-when]")) part.hidden = !part.dataset.when.split(" ").includes(stands);
  $("waiting").textContent = PENDING[pending] ?? "";
  $("facts").hidden = false;
  $("plan-page").setAttribute("aria-busy", "false");
  enable();
  change.show(stands, now.subscription);
}

function pendingOf({ subscription, confirming }) {
  return subscription?.pending_change ?? (confirming ? "purchase" : null);
}

function enable() {
  const blocked = busy || pendingOf(now) !== null;
  for (const id of ["cancel", "resume"]) $(id).setAttribute("aria-disabled", String(blocked));
  change.enable(!blocked);
}

/** Reads the plan; again and again while something is not confirmed. */
async function load() {
  clearTimeout(timer);
  try {
    now = await ask("GET", "/api/plan");
  } catch {
    if (!now) $("line").textContent = "Your plan cannot be looked up just now. This page tries again by itself.";
    timer = setTimeout(load, POLL_MS);
    return;
  }
  const waited = $("waiting").textContent !== "";
  show();
  if (pendingOf(now)) timer = setTimeout(load, POLL_MS);
  else if (waited) {
    say("BlueSnap has answered. This is how it stands now.");
    loadRest();
  }
}

function loadRest() {
  const stands = standing(now);
  if (stands !== "none") charges.load();
  if (["running", "canceled"].includes(stands)) card.load();
}

// ---- what the customer wants ----------------------------------------------------------------------------------------

/**
 * Asks the shop's backend for one act, and shows what came of it. `act` names it: if nobody knows whether it was done, asking again
 * is the same act under the same key.
 */
async function order({ act, method, path, body, done, working }) {
  if (busy || pendingOf(now)) return;
  busy = true;
  enable();
  say(working);
  const wish = JSON.stringify([act, body]);
  const key = kept?.wish === wish ? kept.key : crypto.randomUUID();
  let problem = "";
  let unconfirmed = false;
  try {
    unconfirmed = !(await ask(method, path, body, key)).confirmed;
    kept = null;
  } catch (error) {
    kept = error.unclear ? { wish, key } : null;
    problem = error.message;
  }
  busy = false;
  await load();
  loadRest();
  if (problem) notice(problem);
  else say(unconfirmed ? "" : done);
  enable();
}

const change = setUpChange({ order, nameOf });
const card = setUpCard({ notice, say, nextTotal: () => now.subscription.next_charge?.total ?? now.subscription.total });
const charges = setUpCharges({ order });

$("cancel").addEventListener("click", () => order({
  act: "cancellation", method: "POST", path: "/api/plan/cancellation", body: {}, working: "Cancelling…", done: "The plan is cancelled. You can undo it until it ends.",
}));
$("resume").addEventListener("click", () => order({
  act: "resumption", method: "DELETE", path: "/api/plan/cancellation", working: "Undoing the cancellation…", done: "The cancellation is undone. The plan goes on.",
}));

load().then(() => now && loadRest());
