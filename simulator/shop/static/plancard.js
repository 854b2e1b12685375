// The card in use, read live, and its replacement with the hosted fields. Everything about Panless and the fields is in panless.js.
import { ask } from "./backend.js";
import { cardFields, LATER, refusalText } from "./cardfields.js";
import { openCardReplacement } from "./panless.js";

const $ = (id) => document.getElementById(id);
const NOTHING = "The present card stays in use.";
const BRANDS = { AMEX: "American Express", DINERS: "Diners Club", DISCOVER: "Discover", JCB: "JCB", MASTERCARD: "Mastercard", VISA: "Visa" };

/** `nextTotal` is what the bank is told if it checks who the customer is. */
export function setUpCard({ notice, say, nextTotal }) {
  const form = $("card-form");
  const save = $("save-card");
  const fields = cardFields({ onEnter: () => form.requestSubmit() });
  const { panlessUrl } = $("plan-page").dataset;
  let opened = null;
  let busy = false;
  let opening = 0;

  async function load() {
    try {
      const { brand, last_four: digits } = await ask("GET", "/api/card");
      $("card-line").textContent = `${BRANDS[brand] ?? brand} ending ${digits}`;
    } catch (error) {
      $("card-line").textContent = error.code === "card_not_found" ? "There is no card on file." : "The card cannot be looked up just now.";
    }
  }

  function settle(isBusy, label) {
    busy = isBusy;
    form.setAttribute("aria-busy", String(isBusy));
    save.setAttribute("aria-disabled", String(isBusy));
    save.classList.toggle("working", isBusy);
    save.textContent = label;
    $("keep-card").hidden = isBusy && opened !== null;
  }

  function ready() {
    $("card-fields").setAttribute("aria-busy", "false");
    $("progress").textContent = "";
    settle(false, "Use this card");
  }

  function close() {
    opening += 1;
    opened = null;
    form.hidden = true;
    $("replace").hidden = false;
    for (const place of form.querySelectorAll("[data-bluesnap] iframe")) place.remove();
    $("card-fields").setAttribute("aria-busy", "true");
  }

  const refused = (result) => {
    if (result.outcome !== "authentication_unavailable") fields.forget();
    notice(refusalText(result, NOTHING));
  };
  const OUTCOMES = {
    replaced: () => {
      close();
      say("The new card is in use from now on.");
      load();
    },
    undecided: () => {
      close();
      notice("It is not confirmed yet which card is in use. Please look again in a few minutes.");
    },
    exists: () => OUTCOMES.replaced(), // this session is complete: an earlier answer was lost on the way
    declined: refused,
    retype: refused,
    authentication_failed: refused,
    authentication_unavailable: refused,
    cards_alike: refused,
    fields_invalid: ({ errors }) => fields.showFirst(errors),
    too_many_attempts: () => notice(`There were too many attempts. ${NOTHING}${LATER}`),
    unavailable: () => notice("It could not be confirmed just now which card is in use. It is safe to press the button again."),
    refused: () => notice(`The card was not taken. ${NOTHING} Please load this page again.`),
  };

  $("replace").addEventListener("click", async () => {
    const mine = (opening += 1);
    notice("");
    fields.forget();
    $("replace").hidden = true;
    form.hidden = false;
    settle(true, "Loading…");
    try {
      const openSession = () => ask("POST", "/api/card/session", {});
      const made = await openCardReplacement({ panlessUrl, openSession, nextTotal: nextTotal(), fields: fields.options });
      if (mine !== opening) return;
      opened = made;
      ready();
    } catch (error) {
      if (mine !== opening) return;
      close();
      notice(error.plain ? error.message : "The card fields could not be loaded. Please try again.");
    }
  });
  $("keep-card").addEventListener("click", () => {
    close();
    notice("");
    $("replace").focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    notice("");
    settle(true, "Checking the card…");
    $("progress").textContent = "Please leave this page open.";
    const result = await opened
      .replace(() => { $("progress").textContent = "Your bank takes longer than usual. BlueSnap has not confirmed it yet; please leave this page open."; })
      .catch(() => ({ outcome: "unavailable" }));
    ready();
    (OUTCOMES[result.outcome] ?? OUTCOMES.refused)(result);
  });

  return { load };
}
