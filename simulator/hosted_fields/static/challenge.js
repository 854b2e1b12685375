// The challenge of 3-D Secure, in a frame of its own: it gets its token from the one page that mounted it, tells the server
// of this origin which button was pressed, and passes the server's answer on. It sees no card.
const CALL_SECONDS = 20;
const page = decodeURIComponent(location.hash.slice(1));
const buttons = { pass: document.getElementById("pass"), fail: document.getElementById("fail") };
const problem = document.getElementById("problem");

let token = "";

function tell(type, detail = {}) {
  if (page) window.parent.postMessage({ source: "bluesnap-hosted-field", tag: "3ds", type, ...detail }, page);
}

function enable(enabled) {
  for (const button of Object.values(buttons)) button.disabled = !enabled;
}

async function answer(passed) {
  const said = await fetch(`/web-sdk/5/three-d-secure/${encodeURIComponent(token)}/answer`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Token-Authentication": token },
    body: JSON.stringify({ passed }),
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(CALL_SECONDS * 1000),
  });
  const body = await said.json().catch(() => ({}));
  if (said.ok) return { ok: true, authResult: String(body.authResult), reference: String(body.threeDSecureReferenceId) };
  const first = body?.message?.[0] ?? {};
  return { ok: false, code: String(first.code ?? said.status), description: String(first.description ?? "Server error") };
}

for (const [name, button] of Object.entries(buttons)) {
  button.addEventListener("click", async () => {
    enable(false);
    problem.textContent = "";
    try {
      tell("answered", { result: await answer(name === "pass") });
    } catch {
      problem.textContent = "The answer could not be sent. Please try again.";
      enable(true);
    }
  });
}

enable(false);
window.addEventListener("message", ({ source, origin, data }) => {
  if (source !== window.parent || origin !== page || data?.source !== "bluesnap-page" || data.type !== "challenge") return;
  token = String(data.token);
  enable(true);
  buttons.pass.focus();
});

tell("ready");
