// The card part of a form, as the checkout and the plan page show it: looks, labels and complaints of the hosted fields, which
// stand in the elements data-bluesnap="ccn", "exp" and "cvv". What is typed there never comes here.
const BRANDS = {
  AMEX: "American Express", CHINA_UNION_PAY: "UnionPay", DINERS: "Diners Club", DISCOVER: "Discover", JCB: "JCB", MASTERCARD: "Mastercard", VISA: "Visa",
};
const FIELD_TEXTS = {
  ccn: { empty: "Enter the card number.", invalid: "Check the card number: it is not complete or has a typing error." },
  exp: { empty: "Enter the expiry date.", invalid: "Check the expiry date: month and year, as in 05 / 30, not in the past." },
  cvv: { empty: "Enter the security code.", invalid: "Check the security code: three digits on the back, or four on the front of an American Express card." },
};
export const LATER = " No further try is possible at the moment. Please come back in ten minutes.";

/** What a refused card is told as, by the outcome of panless.js and its reason; `nothing` says what did not happen. */
export function refusalText({ outcome, reason, closed }, nothing) {
  const texts = {
    declined: `Your bank declined this card. ${nothing} Please type the card again, or use another one.`,
    try_another_card: `This card was refused. ${nothing} Please use another card.`,
    authentication_required: `Your bank asks for an extra check, to be sure that it is you. ${nothing} Please type the card again: your bank then asks you.`,
    authentication_failed: `Your bank's check was not passed. ${nothing} Please type the card again, or use another one.`,
    authentication_unavailable: `Your bank's check cannot be made here just now. ${nothing} Please try again later.`,
    retype: `The card fields had expired. ${nothing} Please type the card again.`,
    cards_alike: `This card cannot be told from one that is on file. ${nothing} Please use another card.`,
  };
  const text = outcome === "declined" ? (texts[reason] ?? texts.declined) : texts[outcome];
  return closed && reason === "authentication_required" ? `${texts.try_another_card}${LATER}` : text + (closed ? LATER : "");
}

// A message that appears or goes while the mouse is down would move the button away from under it: such ones wait for the release.
let release = Promise.resolve();
document.addEventListener("pointerdown", () => {
  release = new Promise((resolve) => {
    for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(resolve), { once: true });
    setTimeout(resolve, 1_000);
  });
});
export const released = () => release;

/** `id` is that of the control, or the tag of a hosted field. */
export function complain(id, text) {
  const line = document.getElementById(`${id}-error`);
  line.textContent = text;
  line.hidden = text === "";
  const field = line.closest(".field");
  field.classList.toggle("wrong", text !== "");
  field.querySelector("input, select")?.setAttribute("aria-invalid", String(text !== ""));
}

const boxOf = (tag) => document.querySelector(`[data-bluesnap="${tag}"]`).parentElement;
const intoFrame = (tag) => boxOf(tag).querySelector("iframe")?.focus();

/** The `fields` for panless.js, and what a page does with them. `onEnter` is the Enter key in one of them. */
export function cardFields({ onEnter }) {
  let quietWhenEmpty = true; // an empty field is only complained about once somebody tried to go on
  const brand = document.getElementById("card-brand");

  for (const label of document.querySelectorAll("[data-focus]")) label.addEventListener("click", () => intoFrame(label.dataset.focus));
  return {
    options: {
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
        onEnter,
        onValid: (tag) => complain(tag, ""),
        onType: (tag, type) => { brand.textContent = BRANDS[type] ?? ""; },
        onError: async (tag, code, description, origin) => {
          if (code.startsWith("141")) return; // about the bank's check, not about this field
          if (origin === "onBlur" && description === "empty" && quietWhenEmpty) return;
          await release;
          complain(tag, code === "22013" ? "This kind of card is not accepted here." : (FIELD_TEXTS[tag][description] ?? FIELD_TEXTS[tag].invalid));
        },
      },
    },

    /** Fresh fields are empty: what was said about the old ones is void. */
    forget() {
      quietWhenEmpty = true;
      brand.textContent = "";
      for (const tag of Object.keys(FIELD_TEXTS)) complain(tag, "");
    },

    /** Goes to the first field that is wrong; from now on empty ones are complained about too. */
    showFirst(errors) {
      quietWhenEmpty = false;
      intoFrame(errors[0].tagId);
    },
  };
}
