// The payments of the account, and for the shop's staff a button that gives one back.
import { ask } from "./backend.js";
import { dayOf, money } from "./format.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 2_000;
const zero = ({ amount }) => Number(amount) === 0;

export function setUpCharges({ order }) {
  let timer = 0;

  function rows(charges) {
    return charges.map((charge) => {
      const row = document.createElement("tr");
      const back = [zero(charge.refunded) ? "" : money(charge.refunded), ...notes(charge)].filter(Boolean).join(", ");
      for (const text of [dayOf(charge.charged_on ?? charge.recorded_at), money(charge.amount), back]) {
        row.append(Object.assign(document.createElement("td"), { textContent: text }));
      }
      return row;
    });
  }

  /** What is not settled about a payment. */
  function notes({ disputed, refunds }) {
    const open = (status) => refunds.some((refund) => refund.status === status);
    return [
      disputed ? "disputed" : "",
      open("pending") ? "under way at BlueSnap" : "",
      unsure({ refunds }) ? "BlueSnap has not confirmed a refund yet" : "",
    ];
  }

  const unsure = ({ refunds }) => refunds.some(({ status }) => ["requested", "unknown"].includes(status));

  function offers(charges) {
    return charges.filter((charge) => !charge.disputed && !zero(charge.refundable)).map((charge) => {
      const text = `Refund ${money(charge.refundable)} of ${dayOf(charge.charged_on ?? charge.recorded_at)}`;
      const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: text });
      button.addEventListener("click", () => order({
        act: `refund ${charge.id}`, method: "POST", path: `/api/charges/${charge.id}/refund`, body: {}, working: "Refunding…", done: "The money is given back.",
      }));
      const line = document.createElement("li");
      line.append(button);
      return line;
    });
  }

  async function load() {
    clearTimeout(timer);
    try {
      const charges = (await ask("GET", "/api/charges")).charges.reverse();
      $("charges-line").textContent = charges.length ? "" : "There is no payment yet.";
      $("charges-table").hidden = !charges.length;
      $("charges-table").querySelector("tbody").replaceChildren(...rows(charges));
      $("desk").querySelector("ul").replaceChildren(...offers(charges));
      $("desk").hidden = !$("desk").querySelector("li");
      if (charges.some(unsure)) timer = setTimeout(load, POLL_MS);
    } catch {
      $("charges-line").textContent = "The payments cannot be looked up just now.";
    }
  }

  return { load };
}
