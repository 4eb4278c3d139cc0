// Components of the till's pages (Alpine, CSP build: markup names them, the code stands here).
"use strict";

const CARD_GAP_MS = 50;
const CARD_FAST_MIN = 5;

document.addEventListener("alpine:init", () => {
  // Digits by touch and by keyboard, for a PIN or a number. The field stays an ordinary field.
  Alpine.data("pad", () => ({
    field() {
      return this.$root.querySelector("[data-pad]");
    },
    press(event) {
      const digit = event.target.closest("button").value;
      const field = this.field();
      if (digit === "back") field.value = field.value.slice(0, -1);
      else if (digit === "clear") field.value = "";
      else if (field.maxLength < 0 || field.value.length < field.maxLength) field.value += digit;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
  }));

  // Sign in: a tile fills in the number; a card reader that types is told from a hand by its pace.
  Alpine.data("login", () => ({
    last: 0,
    fast: 0,
    init() {
      // A card at a reader of the gateway: its code stays there, the page gets a name for it.
      document.addEventListener("kv:scan", (event) => {
        if (!event.detail.scan) return;
        this.$refs.scan.value = event.detail.scan;
        this.$refs.form.requestSubmit();
      });
    },
    pick(event) {
      this.$refs.card.value = "";
      this.$refs.scan.value = "";
      this.$refs.cashier.value = event.target.closest("button").value;
      this.$root.querySelector("[data-pad]").focus();
    },
    typed(event) {
      const now = performance.now();
      if (event.key.length === 1) {
        this.$refs.card.value = "";
        this.$refs.scan.value = "";
        this.fast = now - this.last < CARD_GAP_MS ? this.fast + 1 : 0;
        this.last = now;
        return;
      }
      if (event.key !== "Enter") return;
      event.preventDefault();
      const field = this.$refs.cashier;
      if (this.fast >= CARD_FAST_MIN && now - this.last < CARD_GAP_MS) {
        this.$refs.card.value = field.value;
        field.value = "";
        this.$refs.form.requestSubmit();
      } else if (field.value) {
        this.$root.querySelector("[data-pad]").focus();
      }
      this.fast = 0;
    },
  }));

  // The drawer, counted by notes and coins. It adds up what the form sends; the server adds again.
  Alpine.data("count", () => ({
    sum: "",
    init() {
      this.add();
    },
    add() {
      let minor = 0;
      for (const field of this.$root.querySelectorAll("[data-worth]")) {
        minor += Number(field.dataset.worth) * (Number.parseInt(field.value, 10) || 0);
      }
      this.sum = this.written(minor);
    },
    written(minor) {
      const language = document.documentElement.lang === "de" ? "de-DE" : "en-IE";
      const currency = this.$root.dataset.currency;
      return new Intl.NumberFormat(language, { style: "currency", currency }).format(minor / 100);
    },
    // Enter goes on to the next field, as on a calculator; the last one goes to the button.
    next(event) {
      const fields = [...this.$root.querySelectorAll("[data-next]")];
      const at = fields.indexOf(event.target);
      const to = fields[at + 1] || this.$root.querySelector("button[type=submit]");
      to.focus();
      if (to.select) to.select();
    },
  }));

  // A second person's PIN: see templates/parts/approval.html.
  Alpine.data("approval", () => ({
    what: "",
    fault: "",
    right: "",
    then: null,
    init() {
      kv.approve = (right, what, then) => {
        this.right = right;
        this.what = what;
        this.then = then;
        this.fault = "";
        this.$root.querySelector("form").reset();
        this.$root.showModal();
        this.$refs.cashier.focus();
      };
    },
    cancel() {
      this.$root.close();
    },
    async send() {
      const form = this.$root.querySelector("form");
      const sent = new URLSearchParams(new FormData(form));
      sent.set("right", this.right);
      sent.set("key", crypto.randomUUID());
      let answer = null;
      try {
        answer = await fetch(form.action, { method: "POST", body: sent });
      } catch {
        this.fault = say("No answer. Check the connection and try again.");
        return;
      }
      const told = await answer.json();
      form.elements.pin.value = "";
      if (!answer.ok) {
        this.fault = told.text;
        form.elements.pin.focus();
        return;
      }
      this.$root.close();
      this.then(told.approval);
    },
  }));
});

// A form that lacks a right (403 till.right_missing in #refusal) can be sent again with approval.
document.addEventListener("click", (event) => {
  const asked = event.target instanceof Element ? event.target.closest("[data-approve]") : null;
  if (!asked || !kv.refusedForm) return;
  const form = kv.refusedForm;
  kv.approve(asked.dataset.approve, asked.dataset.what || "", (approval) => {
    let field = form.querySelector("input[name=approval]");
    if (!field) {
      field = document.createElement("input");
      field.type = "hidden";
      field.name = "approval";
      form.append(field);
    }
    field.value = approval;
    form.requestSubmit();
  });
});
document.addEventListener("htmx:before:request", (event) => {
  const sender = event.detail.ctx.sourceElement;
  if (event.detail.ctx.request.method !== "GET") kv.refusedForm = sender.closest("form");
});
