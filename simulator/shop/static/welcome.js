// Shows what the account may use now, as the shop's backend reads it from Panless.
import { dayOf, money } from "./format.js";

const $ = (id) => document.getElementById(id);
const RETRY_MS = 3_000;
const nameOf = (plan) => $("account").getAttribute(`data-name-${plan}`) ?? plan;

function show({ access, next_charge: next, account }) {
  const paid = access.plan !== "community";
  $("headline").textContent = paid ? `You have the ${nameOf(access.plan)} plan` : "You are on Community";
  $("line").textContent = paid ? "Your members have access now." : "It is free and has no time limit.";
  const facts = {
    plan: nameOf(access.plan),
    members: access.members ?? "",
    until: access.until ? dayOf(access.until) : "",
    next: next ? `${money(next.total)} on ${dayOf(next.date)}` : "",
    account,
  };
  for (const [name, value] of Object.entries(facts)) {
    const place = document.querySelector(`[data-fact="${name}"]`);
    place.textContent = value;
    place.parentElement.hidden = value === "";
  }
  $("account").classList.toggle("paid", paid);
  $("account").setAttribute("aria-busy", "false");
  $("facts").hidden = false;
  $("actions").hidden = paid;
  $("manage").hidden = !paid;
  return paid;
}

async function load() {
  const answer = await fetch("/api/access").catch(() => null);
  if (!answer?.ok) {
    $("line").textContent = "Your plan cannot be looked up just now. This page tries again by itself.";
    setTimeout(load, RETRY_MS);
    return;
  }
  if (show(await answer.json()) || location.hash !== "#pending") return;
  $("headline").textContent = "Your payment is being confirmed";
  $("line").textContent = "This page shows your plan as soon as the bank has answered. Please do not pay again.";
  $("actions").hidden = true;
  setTimeout(load, RETRY_MS);
}

load();
