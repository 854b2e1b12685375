// The form for members and plan. While a plan runs it changes it, with Panless' preview of the next charge; after its end it buys again.
import { ask } from "./backend.js";
import { dayOf, money, people } from "./format.js";

const $ = (id) => document.getElementById(id);
const PAUSE_MS = 200; // people press + many times; Panless is asked once they pause
const MODES = {
  running: {
    title: "Change members and plan", button: "Change", working: "Changing…", done: "The plan is changed.",
    act: "change", method: "PATCH", path: "/api/plan",
  },
  over: {
    title: "Start again", button: "Start again", working: "Paying with the card on file…", done: "Welcome back. The plan is yours from now on.",
    act: "reactivation", method: "POST", path: "/api/plan/reactivation",
  },
};

/** `order` passes an act on and shows what came of it; `nameOf` gives a plan's name. */
export function setUpChange({ order, nameOf }) {
  const form = $("change");
  const input = $("members");
  const [least, most] = [Number(input.min), Number(input.max)];
  let mode = null; // one of MODES
  let present = null; // { plan, members, version } as ordered by now; null where there is no plan
  let enabled = false;
  let timer = 0;
  let asked = 0;

  const chosen = () => ({ plan: form.elements.plan.value, members: Number(input.value) });
  const fine = () => input.value !== "" && Number.isInteger(Number(input.value)) && chosen().members >= least && chosen().members <= most;

  /** Of a plan that runs only what differs; null if nothing does. */
  function wanted() {
    if (mode === MODES.over) return chosen();
    const found = Object.fromEntries(Object.entries(chosen()).filter(([name, value]) => value !== present[name]));
    return Object.keys(found).length ? { ...found, version: present.version } : null;
  }

  function refresh() {
    const { members } = chosen();
    $("members-error").hidden = fine();
    input.setAttribute("aria-invalid", String(!fine()));
    for (const button of form.querySelectorAll(".step")) {
      const next = members + Number(button.dataset.step);
      button.disabled = next < least || next > most;
    }
    $("change-button").setAttribute("aria-disabled", String(!enabled || !fine() || !wanted()));
  }

  function sentence({ members, plan, plan_from: from, next_charge: next, due_now: due }) {
    const starts = plan === present.plan ? "" : ` ${nameOf(plan)} starts ${from ? `on ${dayOf(from)}` : "at once"}.`;
    const today = Number(due.amount) === 0 ? "Nothing is due today." : `${money(due)} is due today.`;
    return `${next ? `On ${dayOf(next.date)} you pay ${money(next.total)} for ${people(members)}.` : ""}${starts} ${today}`;
  }

  async function preview() {
    const n = asked;
    const { plan, members } = chosen();
    const text = await ask("GET", `/api/plan/preview?plan=${plan}&members=${members}`).then(sentence, (error) => error.message);
    if (n === asked) $("preview").textContent = text;
  }

  /** A convenience only: what is charged is said by Panless. */
  function dueToday() {
    const cents = Number(form.querySelector(":checked").dataset.cents) * chosen().members;
    return `${money({ amount: cents / 100, currency: "USD" })} is due today, paid with the card on file. Then the same every month, until you change or cancel.`;
  }

  function look() {
    clearTimeout(timer);
    asked += 1; // an answer that is still on its way is about something else
    refresh();
    if (!fine() || !wanted()) $("preview").textContent = "";
    else if (mode === MODES.over) $("preview").textContent = dueToday();
    else timer = setTimeout(preview, PAUSE_MS);
  }

  form.addEventListener("input", look);
  for (const button of form.querySelectorAll(".step")) {
    button.addEventListener("click", () => {
      input.value = Math.min(most, Math.max(least, (Number(input.value) || least) + Number(button.dataset.step)));
      look();
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!enabled || !fine() || !wanted()) return;
    const { act, method, path, working, done } = mode;
    await order({ act, method, path, body: wanted(), working, done });
  });

  return {
    /** Follows the subscription; what somebody is just choosing stays, unless the plan itself has changed. */
    show(stands, subscription) {
      const next = MODES[stands];
      if (!next || (next === mode && present?.version === subscription?.version)) return;
      mode = next;
      present = subscription && { plan: subscription.next_plan ?? subscription.plan, members: subscription.members, version: subscription.version };
      $("change-title").textContent = mode.title;
      $("change-button").textContent = mode.button;
      if (present) {
        input.value = present.members;
        form.elements.plan.value = present.plan;
      }
      look();
    },
    enable(yes) {
      enabled = yes;
      if (mode) refresh();
    },
  };
}
