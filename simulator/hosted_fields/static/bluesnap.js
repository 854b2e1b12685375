// Hosted payment fields as a page sees them (bluesnap/hosted-fields.md sections 3 to 5): mounts the three frames, passes
// their events on, and asks them to send their parts. No card number ever enters this file; it could not get one.
(() => {
  "use strict";

  const ORIGIN = new URL(document.currentScript.src).origin;
  const TAGS = ["ccn", "exp", "cvv"];
  const TITLES = { ccn: "Card number", exp: "Expiry date", cvv: "Security code" };
  const ANSWER_SECONDS = 25;
  const NO_3DS = { code: "14100", description: "3D Secure is not enabled" };
  const NO_3DS_DATA = { code: "14102", description: "3D Secure data is missing" };

  let mounted = null; // what the last call of create made; an older one is gone from the page and is not listened to

  class Fields {
    constructor(options) {
      this.options = options;
      this.frames = {};
      this.waiting = new Map();
      this.asked = 0;
      this.configured = 0;
      this.fraudSessionId = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
      for (const tag of TAGS) this.mount(tag);
    }

    mount(tag) {
      const place = document.querySelector(`[data-bluesnap="${tag}"]`);
      if (!place) throw new Error(`hosted payment fields: there is no element with data-bluesnap="${tag}"`);
      const frame = document.createElement("iframe");
      frame.title = TITLES[tag];
      frame.src = `${ORIGIN}/web-sdk/5/frames/${tag}#${encodeURIComponent(location.origin)}`;
      frame.referrerPolicy = "no-referrer";
      Object.assign(frame.style, { display: "block", width: "100%", height: "100%", border: "0" });
      place.replaceChildren(frame);
      this.frames[tag] = frame;
    }

    tagOf(source) {
      return Object.keys(this.frames).find((tag) => this.frames[tag].contentWindow === source);
    }

    handle(event, ...args) {
      this.options.onFieldEventHandler?.[event]?.(...args);
    }

    /** One question to one frame; resolves with its answer, or with a server error when none comes. */
    ask(tag, type, detail = {}) {
      const n = (this.asked += 1);
      return new Promise((resolve) => {
        const late = setTimeout(() => {
          this.waiting.delete(n);
          resolve({ ok: false, code: "500", description: "No answer" });
        }, ANSWER_SECONDS * 1000);
        this.waiting.set(n, (result) => {
          clearTimeout(late);
          resolve(result);
        });
        this.frames[tag].contentWindow?.postMessage({ source: "bluesnap-page", type, n, ...detail }, ORIGIN);
      });
    }

    async configure(tag) {
      const { token, style, [`${tag}PlaceHolder`]: placeholder } = this.options;
      const { ok } = await this.ask(tag, "setup", { options: { token, style, placeholder } });
      this.configured += ok ? 1 : 0;
      if (this.configured === TAGS.length) this.handle("setupComplete");
    }

    hear(tag, message) {
      if (tag === "3ds") return this.hearChallenge(message);
      switch (message.type) {
        case "ready": this.configure(tag); break;
        case "focus": this.handle("onFocus", tag); break;
        case "blur": this.handle("onBlur", tag); break;
        case "enter": this.handle("onEnter", tag); break;
        case "valid": this.handle("onValid", tag); break;
        case "error": this.handle("onError", tag, message.code, message.description, message.eventOrigin); break;
        case "type":
          this.ask("cvv", "brand", { brand: message.brand });
          this.handle("onType", tag, message.brand);
          break;
        case "reply":
          this.waiting.get(message.n)?.(message.result);
          this.waiting.delete(message.n);
          break;
      }
    }

    /** All three are checked before any of them is sent; the number goes first, so that a dead token is reported once. */
    async submit(threeDSecure) {
      const checks = await Promise.all(TAGS.map((tag) => this.ask(tag, "check")));
      const errors = checks.flatMap((result, i) => (result.ok ? [] : [failure(TAGS[i], result)]));
      if (errors.length) return this.failed(errors);
      const wanted = this.options["3DS"] === true || Boolean(threeDSecure);
      const refusal = wanted ? await this.check3ds(threeDSecure) : null;
      if (refusal) return this.refuse3ds(refusal);
      const cardData = {};
      for (const tag of TAGS) {
        const result = await this.ask(tag, "send");
        if (!result.ok) return this.failed([failure(tag, result)]);
        Object.assign(cardData, result.cardData);
      }
      const outcome = { statusCode: "1", cardData, transactionFraudInfo: { fraudSessionId: this.fraudSessionId } };
      if (!wanted) return outcome;
      const result = await this.authenticate(threeDSecure);
      if (!result.ok) return this.refuse3ds(result);
      return { ...outcome, threeDSecure: { authResult: result.authResult, threeDSecureReferenceId: result.reference } };
    }

    /** What speaks against 3-D Secure before a card is sent: not asked for in create, no data, or the account does not have it. */
    async check3ds(data) {
      if (this.options["3DS"] !== true) return NO_3DS;
      if (!data) return NO_3DS_DATA;
      const { amount, currency } = data;
      const result = await this.ask("ccn", "check3ds", { data: { amount, currency } });
      return result.ok ? null : result;
    }

    async authenticate({ amount, currency }) {
      const result = await this.ask("ccn", "run3ds", { data: { amount, currency } });
      return result.ok && result.challenge ? this.challenge() : result;
    }

    /** Puts the bank's page over the merchant's; resolves with what came of it, however long that takes. */
    challenge() {
      const shade = document.createElement("div");
      shade.setAttribute("role", "dialog");
      shade.setAttribute("aria-modal", "true");
      shade.setAttribute("aria-label", "Card verification");
      Object.assign(shade.style, { position: "fixed", inset: "0", zIndex: "2147483647", display: "grid", placeItems: "center", background: "rgb(0 0 0 / 55%)" });
      const frame = document.createElement("iframe");
      frame.title = "Card verification";
      frame.src = `${ORIGIN}/web-sdk/5/challenge#${encodeURIComponent(location.origin)}`;
      frame.referrerPolicy = "no-referrer";
      Object.assign(frame.style, { width: "min(420px, 92vw)", height: "min(320px, 90vh)", border: "0", background: "#fff" });
      shade.append(frame);
      document.body.append(shade);
      this.frames["3ds"] = frame;
      this.shade = shade;
      this.handle("threeDsChallengeExecuted");
      return new Promise((resolve) => { this.challenged = resolve; });
    }

    hearChallenge(message) {
      if (message.type === "ready") {
        const detail = { source: "bluesnap-page", type: "challenge", token: this.options.token };
        this.frames["3ds"].contentWindow.postMessage(detail, ORIGIN);
      } else if (message.type === "answered") {
        this.dismiss();
        this.challenged(message.result);
      }
    }

    dismiss() {
      this.shade?.remove();
      delete this.frames["3ds"];
    }

    refuse3ds(reason) {
      this.handle("onError", "ccn", reason.code, reason.description, "onSubmit");
      return this.failed([failure("ccn", reason)]);
    }

    failed(error) {
      return { statusCode: "400", error, transactionFraudInfo: { fraudSessionId: this.fraudSessionId } };
    }
  }

  /** One member of the `error` array. What the frame itself found carries no eventType. */
  function failure(tagId, { code, description }) {
    const error = { errorCode: code, errorDescription: description, tagId, eventOrigin: "onSubmit" };
    return code === "10" ? error : { ...error, eventType: "Server Error" };
  }

  window.addEventListener("message", ({ source, origin, data }) => {
    if (origin !== ORIGIN || data?.source !== "bluesnap-hosted-field" || !mounted) return;
    const tag = mounted.tagOf(source);
    if (tag && tag === data.tag) mounted.hear(tag, data);
  });

  window.bluesnap = Object.freeze({
    /** Mounts the fields; called again, for a renewed token, it replaces them, and what was typed is gone. */
    hostedPaymentFieldsCreate(options) {
      if (!options?.token) throw new Error("hosted payment fields: a token is needed");
      mounted?.dismiss();
      mounted = new Fields(options);
    },

    /** Asks the fields to send the card to their token, and with '3DS' in create for 3-D Secure; `callback` gets the outcome once. */
    hostedPaymentFieldsSubmitData(callback, threeDSecure) {
      if (!mounted) throw new Error("hosted payment fields: create them first");
      mounted.submit(threeDSecure).then(callback);
    },
  });
})();
