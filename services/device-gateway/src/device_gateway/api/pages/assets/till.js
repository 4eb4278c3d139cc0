// The sale's screen: forms, buttons, and what others tell it. It holds no truth.
"use strict";

(() => {
const { screen } = window.kv;
const { till, base, dialog, sale, entry, body, alarm, beep, ANSWER_WAIT_MS } = screen;

/** What a key without an article opens. */
const FUNCTIONS = {
  pay_by_center_number: "center", pay_by_customer_card: "center", redeem_voucher: "voucher",
  order_pickup: "pickup", tip: "tip",
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-find]")) {
    event.preventDefault();
    return screen.open(form.dataset.find, Object.fromEntries(new FormData(form)));
  }
  if (!form.matches("[data-act]")) return;
  event.preventDefault();
  const typed = entry().value;
  if (form.matches("[data-enter-form]")) return entered(typed.trim());
  const fields = new FormData(form, event.submitter);
  if (form.querySelector("[data-entry]")) fields.set("entry", typed);
  const key = form.closest(".touch, .last") !== null || form.closest("#found") !== null;
  screen.send({
    url: form.action, fields: [...fields], signature: key ? null : screen.signature(form), repeats: key,
    slow: form.matches("[data-slow]"), typed: form.querySelector("[data-entry]") ? typed : undefined,
    keepsEntry: false,
  });
});

/** Enter in the entry field, or the end of a scan. */
function entered(text, scanned = false) {
  if (!text) {
    if (!scanned) document.querySelector("#sale [data-enter]")?.click();
    return;
  }
  if (text.startsWith("/")) return screen.pickFound();
  entry().value = "";
  screen.send({
    url: `${base}/${scanned ? "scan" : "enter"}`, fields: [["entry", text]], repeats: true,
    typed: text, scan: scanned ? text.replace(/^\d{1,5}\*/, "") : undefined,
  });
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const opener = target?.closest("#till [data-dialog]");
  if (opener) {
    const said = {};
    for (const [name, value] of Object.entries(opener.dataset)) {
      if (name.startsWith("arg")) said[name.slice(3).toLowerCase()] = value;
    }
    if (screen.underWay()) return screen.hold(`dialog ${opener.dataset.dialog}`);
    if ("takeEntry" in opener.dataset && entry().value) said.amount = entry().value;
    return screen.open(opener.dataset.dialog, said);
  }
  if (target?.closest("#dialog [data-close]")) {
    event.preventDefault();
    return screen.shut();
  }
  if (target?.closest("[data-stop-terminal]")) return screen.stopTerminal();
  const page = target?.closest("#till [data-page]");
  if (page) return turn(page);
  const key = target?.closest("[data-function]");
  if (key) return screen.open(FUNCTIONS[key.dataset.function] || "more");
  const pad = target?.closest("[data-type]");
  if (pad) return type(pad.dataset.type);
  if (target?.closest("[data-search]")) {
    entry().value = "/";
    keyboard(true);
    return entry().focus();
  }
  if (target?.closest("[data-keyboard]")) return keyboard(entry().inputMode === "none");
  if (target?.closest("[data-again]")) return screen.again();
  const line = target?.closest("[data-line]");
  if (line) screen.select(line);
});
document.getElementById("terminal").addEventListener("cancel", (event) => {
  event.preventDefault();
  screen.stopTerminal();
});
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  screen.shut();
});

function keyboard(on) {
  entry().inputMode = on ? "text" : "none";
  entry().blur();
  entry().focus();
}

/** The number pad by touch: into the dialog's amount, else into the entry field. */
function type(what) {
  const field = entry();
  if (what === "enter") return entered(field.value.trim());
  field.value = what === "back" ? field.value.slice(0, -1) : field.value + what;
  field.focus({ preventScroll: true });
}

function turn(tab) {
  for (const each of till.querySelectorAll("[data-page]")) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  screen.ready();
}

// --- What others tell -------------------------------------------------------------------------
document.addEventListener("kv:scan", (event) => {
  const { value, scan, kind, action } = event.detail;
  if (action === "refuse" && !scan && !value) {
    alarm(say("This code could not be read whole. Scan it again."));
    return beep(220, 0.18);
  }
  const fields = [["entry", scan ? "" : value || ""], ["scan", scan || ""], ["kind", kind || ""]];
  if (dialog.open) {
    const field = body().querySelector("input[name=code], input[name=receipt]");
    if (!field) return beep(220, 0.18);
    if (value) field.value = value;
    else field.form.append(hidden("scan", scan));
    return field.form.requestSubmit();
  }
  const front = /^\d{1,5}\s*\*$/.test(entry().value) ? entry().value : "";
  if (front) entry().value = "";
  if (front) fields.push(["quantity", front]);
  screen.send({ url: `${base}/scan`, fields, repeats: true, typed: front, scan: value || " " });
});

function hidden(name, value) {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = name;
  field.value = value;
  return field;
}

document.addEventListener("kv:terminal", (event) => {
  const place = document.querySelector("[data-terminal]");
  if (place && event.detail.text) place.textContent = event.detail.text;
});

document.addEventListener("kv:line", () => later());
document.addEventListener("kv:connected", () => later());
let soon = 0;

/** Something is under way, or said and to be read: the screen is not changed behind it. */
const busy = () => Boolean(screen.underWay() || screen.isOpening() || dialog.open || entry()?.value || sale().dataset.alarm);

function later() {
  clearTimeout(soon);
  soon = setTimeout(async () => {
    if (busy()) return;
    const shown = sale();
    try {
      const answer = await fetch(location.href, { headers: { "x-pieces": "1" }, signal: AbortSignal.timeout(ANSWER_WAIT_MS) });
      if (busy() || sale() !== shown || !answer.ok || answer.redirected) return;
      screen.swap({ text: await answer.text(), ok: true, ended: null }, { method: "GET", keepsEntry: true });
    } catch {
      // The status bar says it.
    }
  }, 300);
}

/** Somebody lends the right, and the same act goes out with it. */
function approve(right, act) {
  kv.approve(right, sale().dataset.alarm || "", (approval) => {
    const fields = [...act.fields].filter(([name]) => name !== "approval");
    screen.send({ ...act, fields: [...fields, ["approval", approval]], repeats: true, signature: null });
  });
}

Object.assign(screen, { entered, approve });
screen.arrange(null);
})();
