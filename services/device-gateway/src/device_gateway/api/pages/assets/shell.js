// What every page of the till does in the browser: live events, shortcuts, toasts, refusals.
// It holds no truth: it asks the server again, or tells other scripts that something happened.
"use strict";

const kv = (window.kv = window.kv || {});

const words = JSON.parse(document.getElementById("kv-words").textContent);

/** A text in the page's language; `{name}` is replaced by `values.name`. */
function say(text, values = {}) {
  return (words[text] || text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
kv.say = say;

/** Says something in a corner of the page, and to screen readers, for some seconds. */
kv.toast = function toast(text, level = "ok") {
  const note = document.createElement("p");
  note.className = `toast ${level}`;
  note.textContent = text;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 6000);
};

// --- Live events -----------------------------------------------------------------------------
// One stream per page. Each message becomes `kv:<kind>` on the document, its data in `detail`.
const KINDS = [
  "scan", "device", "terminal", "printer", "print_job", "line", "booking", "verdict", "tse",
  "cashier", "revoked", "replaced",
];
const REFRESHING = new Set(["device", "terminal", "printer", "print_job", "line", "tse"]);
const WAIT_MS = 1000;
const WAIT_MS_MAX = 15000;

let stream = null;
let waited = 0;

function online(yes) {
  document.documentElement.classList.toggle("kv-offline", !yes);
}

function refreshSoon() {
  clearTimeout(refreshSoon.timer);
  refreshSoon.timer = setTimeout(() => document.dispatchEvent(new CustomEvent("kv:refresh")), 150);
}

// `data-refresh-on="booking verdict"`: a read model follows the log a moment later, so look twice.
function lookAgain(kind) {
  clearTimeout(lookAgain.timers[kind]);
  const look = () => {
    const pieces = document.querySelectorAll(kind ? `[data-refresh-on~="${kind}"]` : "[data-refresh-on]");
    for (const piece of pieces) htmx.trigger(piece, "kv:again");
  };
  look();
  lookAgain.timers[kind] = setTimeout(look, 700);
}
lookAgain.timers = {};

function told(kind, message) {
  let data = {};
  try {
    data = JSON.parse(message.data || "{}");
  } catch {
    return;
  }
  document.dispatchEvent(new CustomEvent(`kv:${kind}`, { detail: data }));
  if (REFRESHING.has(kind)) refreshSoon();
  lookAgain(kind);
  if (kind === "revoked") {
    stream.close();
    location.assign(`${document.body.dataset.home}/revoked`);
  }
  if (kind === "cashier" && document.body.dataset.page !== "cashier") {
    const shown = document.querySelector("[data-cashier]")?.dataset.cashier || "";
    // Signed out here or in another window: every window of the till is locked.
    if (!data.cashier_id) location.assign(`${document.body.dataset.home}/cashier`);
    else if (data.cashier_id !== shown) location.reload();
  }
  if (kind === "replaced") {
    stream.close();
    kv.toast(say("This till is open in another window. Load this page again to go on here."), "bad");
  }
}

async function again() {
  // The stream was refused rather than lost: a till that was revoked must not go on asking.
  try {
    const answer = await fetch(`${document.body.dataset.home}/status`, { redirect: "follow" });
    if (answer.redirected) return location.assign(answer.url);
  } catch {
    online(false);
  }
  waited = Math.min(Math.max(waited * 2, WAIT_MS), WAIT_MS_MAX);
  setTimeout(listen, waited);
}

function listen() {
  stream = new EventSource(document.body.dataset.live);
  stream.addEventListener("open", () => {
    waited = 0;
    online(true);
    refreshSoon();
    lookAgain("");
    document.dispatchEvent(new CustomEvent("kv:connected"));
  });
  stream.addEventListener("error", () => {
    online(false);
    if (stream.readyState === EventSource.CLOSED) again();
  });
  for (const kind of KINDS) stream.addEventListener(kind, (message) => told(kind, message));
}

if (document.body.dataset.live) {
  listen();
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

// A till that is paired does not go dark. Browsers that cannot do this, or may not now, say so.
async function stayAwake() {
  if (document.visibilityState !== "visible" || !document.body.dataset.live) return;
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // A low battery, or a page that nobody has touched yet: tried again when it is shown.
  }
}
document.addEventListener("visibilitychange", stayAwake);
stayAwake();

// --- Refusals --------------------------------------------------------------------------------
// What comes from the border in front of the pages is no piece of a page: never swap it in.
document.addEventListener("htmx:after:request", (event) => {
  const answer = event.detail.ctx.response;
  const type = answer.headers.get("content-type") || "";
  if (answer.status >= 400 && !type.startsWith("text/html")) {
    event.preventDefault();
    kv.toast(say("That did not work. Try again."), "bad");
  }
});
document.addEventListener("htmx:error", (event) => {
  if (event.target.id !== "status") {
    kv.toast(say("No answer. Check the connection and try again."), "bad");
  }
});
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx.request.method !== "GET") kv.clearRefusal();
});

kv.clearRefusal = function clearRefusal() {
  document.getElementById("refusal").replaceChildren();
};

// Done, and the page stays: its form has to ask for something new the next time.
document.addEventListener("kv:done", (event) => {
  kv.toast(event.detail.text);
  const key = event.target.closest?.("form")?.elements.key;
  if (key) key.value = event.detail.key;
});

// A piece of a page is asked for anew, but never while somebody types in it.
document.addEventListener("kv:refresh", () => {
  for (const piece of document.querySelectorAll("[data-refresh]")) {
    if (!piece.contains(document.activeElement) || !typing(document.activeElement)) {
      htmx.trigger(piece, "kv:again");
    }
  }
});

// --- Shortcuts -------------------------------------------------------------------------------
// `data-shortcut="Alt+1"` on a link or button: pressed, it is clicked; the list of `?` shows it.
function combination(event) {
  const parts = [];
  if (event.ctrlKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  parts.push(event.key.length === 1 ? event.key.toUpperCase() : event.key);
  return parts.join("+");
}

function typing(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");
}

kv.dialogOpen = () => document.querySelector("dialog[open]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat) return;
  const pressed = combination(event);
  if (pressed === "?" && !typing(event.target)) {
    event.preventDefault();
    return kv.open("keys");
  }
  const scope = document.querySelector("dialog[open]") || document;
  for (const element of scope.querySelectorAll("[data-shortcut]")) {
    if (element.dataset.shortcut !== pressed || element.disabled || !element.checkVisibility()) continue;
    if (pressed.length === 1 && typing(event.target)) continue;
    event.preventDefault();
    if (typing(element)) element.focus();
    else element.click();
    return;
  }
});

kv.open = function open(id) {
  const dialog = document.getElementById(id);
  if (id === "keys") listKeys(dialog);
  if (!dialog.open) dialog.showModal();
};

function listKeys(dialog) {
  const list = dialog.querySelector("[data-key-list]");
  list.replaceChildren();
  const add = (key, text) => {
    const term = document.createElement("dt");
    const name = document.createElement("kbd");
    name.textContent = key;
    term.append(name);
    const what = document.createElement("dd");
    what.textContent = text;
    list.append(term, what);
  };
  for (const element of document.querySelectorAll("[data-shortcut]")) {
    if (element.checkVisibility() && !element.closest("dialog")) {
      add(element.dataset.shortcut, element.dataset.does || element.getAttribute("aria-label") || element.textContent.trim());
    }
  }
  add("?", say("Shows these keys"));
  add("Esc", say("Closes what is open"));
}

// --- Small things that markup asks for -------------------------------------------------------
document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const opener = target?.closest("[data-open]");
  if (opener) kv.open(opener.dataset.open);
  const closer = target?.closest("[data-close]");
  if (closer) closer.closest("dialog")?.close();
  const dismiss = target?.closest("[data-dismiss]");
  if (dismiss) dismiss.closest(dismiss.dataset.dismiss)?.remove();
  if (target?.closest("[data-print]")) window.print();
});
