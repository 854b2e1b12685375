// The member stepper and the totals it gives. A convenience only: what is due is said by Panless at the checkout.
const input = document.getElementById("members");
const error = document.getElementById("members-error");
const status = document.getElementById("totals");
const [least, most] = [Number(input.min), Number(input.max)];
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

function show() {
  const members = Number(input.value);
  const fine = input.value !== "" && Number.isInteger(members) && members >= least && members <= most;
  error.hidden = fine;
  input.setAttribute("aria-invalid", String(!fine));
  for (const button of document.querySelectorAll(".step")) button.disabled = members + Number(button.dataset.step) < least || members + Number(button.dataset.step) > most;
  if (!fine) return;
  const said = [];
  for (const plan of document.querySelectorAll(".plan")) {
    if (plan.dataset.cents === "0") continue;
    const total = dollars.format((Number(plan.dataset.cents) * members) / 100);
    const people = members === 1 ? "1 member" : `${members} members`;
    plan.querySelector("[data-total]").textContent = total;
    plan.querySelector("[data-members]").textContent = people;
    said.push(`${plan.dataset.name}: ${total} a month`);
  }
  status.textContent = said.join(". ");
}

for (const button of document.querySelectorAll(".step")) {
  button.addEventListener("click", () => {
    input.value = Math.min(most, Math.max(least, (Number(input.value) || least) + Number(button.dataset.step)));
    show();
  });
}
input.addEventListener("input", show);

const asked = new URLSearchParams(location.search).get("members");
if (/^[1-9]\d{0,2}$/.test(asked ?? "")) input.value = Math.min(most, Number(asked));
show();
status.textContent = "";
