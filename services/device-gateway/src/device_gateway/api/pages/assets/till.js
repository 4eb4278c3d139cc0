// The sale's screen. It holds no truth: every act is a form with a key that the server made. What a
// scanner types is collected wherever the focus is; acts go out one after the other, each with the
// key of the newest answer; one whose answer is lost is sent again as it was.
"use strict";

(() => {
const till = document.getElementById("till");
const base = till.dataset.base;
const dialog = document.getElementById("dialog");

const BURST_GAP_MS = 50;
const BURST_LENGTH_MIN = 4;
const ANSWER_WAIT_MS = 20000;
const TRIES_MAX = 3;
const TRY_PAUSE_MS = 700;
const SEARCH_PAUSE_MS = 150;
const QUEUE_MAX = 50;

/** What a key without an article opens. */
const FUNCTIONS = {
  pay_by_center_number: "center", pay_by_customer_card: "center", redeem_voucher: "voucher",
  order_pickup: "pickup", tip: "tip",
};

const sale = () => document.getElementById("sale");
const entry = () => document.getElementById("entry");
const body = () => document.getElementById("dialog-body");

// --- Acts, one after the other -----------------------------------------------------------------
// {url, fields, method}: `fields` without key, booking and seen are completed from the newest page.
const waiting = [];
let running = null;
let lost = null;

function fresh() {
  const form = sale().querySelector("[data-enter-form]");
  const found = new FormData(form);
  return { key: found.get("key"), booking: found.get("booking"), seen: found.get("seen") };
}

/** What a form asks for, whichever page it was made for. */
function signature(form) {
  const own = [...new FormData(form)].filter(([name]) => !["key", "booking", "seen", "entry"].includes(name));
  return `${form.getAttribute("action")} ${JSON.stringify(own.sort())}`;
}

// What is pressed while an act is under way is meant for the page that it leaves: it waits for the
// answer, and is forgotten where that is a refusal. The same thing pressed twice is meant once.
let held = null;

function hold(what) {
  if ([running, ...waiting].some((each) => each && each.signature === what)) return;
  held = what;
}

function release(ok) {
  const what = held;
  held = null;
  if (!what || !ok || kv.dialogOpen()) return;
  const form = [...sale().querySelectorAll("form[data-act]")].find((each) => signature(each) === what);
  const opener = [...sale().querySelectorAll("[data-dialog]")].find((each) => `dialog ${each.dataset.dialog}` === what);
  const button = opener || form?.querySelector("button");
  if (button && !button.disabled) button.click();
}

/** Sends a form. The same thing while it is under way: once. */
function send(act) {
  if (act.signature && (running || waiting.length)) return hold(act.signature);
  if (waiting.length >= QUEUE_MAX) return alarm(say("Too much at once. Wait for the till."));
  waiting.push(act);
  next();
}

async function next() {
  if (running || lost || !waiting.length) return;
  running = waiting.shift();
  const sent = new URLSearchParams(running.fields);
  if (running.repeats) for (const [name, value] of Object.entries(fresh())) sent.set(name, value);
  running.sent = sent;
  sale().setAttribute("aria-busy", "true");
  if (running.slow) atTerminal();
  const answer = await tried(running);
  const done = running;
  running = null;
  if (done.slow) document.getElementById("terminal").close();
  if (answer === null) {
    lost = done;
    document.querySelector("[data-away]").textContent = say("The till's computer does not answer. Nothing is lost: try again.");
    document.getElementById("away").hidden = false;
    alarm(say("The till's computer does not answer. Nothing is lost: try again."));
    return;
  }
  document.getElementById("away").hidden = true;
  swap(answer, done);
  if (!waiting.length) release(answer.ok);
  next();
}

/** The answer, or null where none came; the same request is tried again, with its key. */
async function tried(act) {
  for (let again = 0; again < TRIES_MAX; again += 1) {
    if (again) await new Promise((go) => setTimeout(go, TRY_PAUSE_MS * again));
    try {
      const answer = await fetch(act.url, {
        method: "POST",
        body: act.sent,
        headers: { "x-pieces": "1" },
        signal: AbortSignal.timeout(act.slow ? 180000 : ANSWER_WAIT_MS),
      });
      if (answer.redirected || answer.status === 401) return location.assign(answer.redirected ? answer.url : location.href);
      const type = answer.headers.get("content-type") || "";
      if (type.startsWith("text/html")) {
        return { text: await answer.text(), ok: answer.ok, ended: answer.headers.get("x-ended") };
      }
      if (answer.status < 500) {
        alarm(say("That did not work. Try again."));
        return { text: "", ok: false, ended: null };
      }
    } catch {
      // No answer: once more.
    }
  }
  return null;
}

/** What the terminal says stands before everything else; it can be stopped. */
function atTerminal() {
  document.querySelector("[data-terminal]").textContent = say("Asking the terminal …");
  document.getElementById("terminal").showModal();
}

async function stopTerminal() {
  const sent = new URLSearchParams({ key: crypto.randomUUID(), booking: sale().dataset.booking });
  document.querySelector("[data-terminal]").textContent = say("Stopping the terminal …");
  try {
    await fetch(`${base}/terminal-abort`, { method: "POST", body: sent, headers: { "x-pieces": "1" } });
  } catch {
    // The terminal's own key stops it, too.
  }
}

// --- Pieces of the page ------------------------------------------------------------------------
function swap(answer, act) {
  if (!answer.text) return sale().removeAttribute("aria-busy");
  const made = new DOMParser().parseFromString(answer.text, "text/html");
  const kept = entry()?.value || "";
  for (const id of ["sale", "dialog-body"]) {
    const piece = made.getElementById(id);
    if (piece) document.getElementById(id).replaceWith(document.adoptNode(piece));
  }
  // What was typed while the act was under way stays; what the act was about is gone.
  if (act && !act.keepsEntry && answer.ok) entry().value = act.typed === undefined || kept === act.typed ? "" : kept;
  else if (kept && !(act && act.scan)) entry().value = kept;
  if (act && act.method !== "GET") {
    const url = new URL(location.href);
    url.search = "";
    if (answer.ended) url.searchParams.set("ended", answer.ended);
    history.replaceState(null, "", url);
  }
  arrange(act);
}

function arrange(act) {
  const shown = body().dataset.name;
  if (shown && !dialog.open) dialog.showModal();
  if (!shown && dialog.open) dialog.close();
  const told = sale().dataset.alarm;
  if (told) {
    alarm(told);
    beep(220, 0.18);
  } else if (act && act.method !== "GET") {
    if (sale().dataset.say) spoken(sale().dataset.say);
    if (act.scan) beep(1200, 0.05);
  }
  waitsFor(shown || "");
  if (sale().dataset.right && act) approve(sale().dataset.right, act);
  if (shown) inDialog(act);
  else ready();
  for (const late of document.querySelectorAll("[data-load]")) load(late);
  sale().querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  document.dispatchEvent(new CustomEvent("kv:shown", { detail: { dialog: shown || "" } }));
}

function inDialog(act) {
  const name = body().dataset.prefill;
  if (name && act && act.scan) {
    const field = body().querySelector(`[name="${CSS.escape(name)}"]`);
    if (field) field.value = act.scan;
  }
  const wrong = body().querySelector("[aria-invalid=true]");
  const first = wrong || body().querySelector("[autofocus]") || body().querySelector("input:not([type=hidden]), button");
  if (wrong && wrong.value) wrong.select?.();
  first?.focus();
}

async function load(place) {
  const url = place.dataset.load;
  place.removeAttribute("data-load");
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WAIT_MS) });
    if (!answer.ok) return;
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...[...made.body.childNodes].map((node) => document.adoptNode(node)));
  } catch {
    // The link in it stays.
  }
}

/** Opens a dialog, made anew by the server. Keys that are pressed meanwhile are meant for it. */
let opening = 0;
let ahead = [];

async function open(name, said = {}) {
  opening += 1;
  await opened(name, said);
  opening -= 1;
  if (opening) return;
  const pressed = ahead;
  ahead = [];
  for (const key of pressed) pressedAhead(key);
}

function pressedAhead(key) {
  if (opening) return ahead.push(key);
  const field = document.activeElement;
  if (key === "Enter") return field instanceof HTMLInputElement && dialog.open ? field.form.requestSubmit() : undefined;
  const choice = dialog.open && body().querySelector(`[data-digit="${CSS.escape(key.toLowerCase())}"]:not([disabled])`);
  if (choice) choice.click();
  else if (field instanceof HTMLInputElement) field.value += key;
}

async function opened(name, said) {
  const url = `${base}/dialog/${name}?${new URLSearchParams(said)}`;
  try {
    const answer = await fetch(url, { headers: { "x-pieces": "1" }, signal: AbortSignal.timeout(ANSWER_WAIT_MS) });
    if (answer.redirected) return location.assign(answer.url);
    const act = { method: "GET", keepsEntry: !("amount" in said) || !said.amount, scan: said.scanned };
    swap({ text: await answer.text(), ok: answer.ok, ended: null }, act);
    if (said.amount) entry().value = "";
  } catch {
    alarm(say("No answer. Check the connection and try again."));
  }
}

// What scanners at this till are read as: a number alone says nothing, the open dialog does.
const MODES = { voucher: "tender_voucher", center: "tender_center", pickup: "pickup", payout: "tender_voucher" };
let mode = "";

function waitsFor(name) {
  const wanted = MODES[name] || "idle";
  if (wanted === mode) return;
  mode = wanted;
  fetch(document.body.dataset.live.replace(/live$/, "scan-mode"), {
    method: "PUT",
    headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
    body: JSON.stringify({ mode }),
  }).catch(() => {
    mode = ""; // Said again with the next dialog.
  });
}

function shut() {
  waitsFor("");
  if (dialog.open) dialog.close();
  body().replaceChildren();
  delete body().dataset.name;
  ready();
}

function ready() {
  hideFound();
  if (!kv.dialogOpen()) entry()?.focus({ preventScroll: true });
}

// --- Said aloud, and heard ---------------------------------------------------------------------
function spoken(text) {
  document.getElementById("spoken").textContent = text;
}

function alarm(text) {
  const place = document.getElementById("alarm");
  place.textContent = "";
  place.textContent = text;
}

let sound = null;
function beep(hertz, seconds) {
  try {
    sound = sound || new AudioContext();
    const tone = sound.createOscillator();
    const gain = sound.createGain();
    gain.gain.value = 0.06;
    tone.frequency.value = hertz;
    tone.connect(gain).connect(sound.destination);
    tone.start();
    tone.stop(sound.currentTime + seconds);
  } catch {
    // A till without a loudspeaker.
  }
}

// --- Forms -------------------------------------------------------------------------------------
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-find]")) {
    event.preventDefault();
    return open(form.dataset.find, Object.fromEntries(new FormData(form)));
  }
  if (!form.matches("[data-act]")) return;
  event.preventDefault();
  const typed = entry().value;
  if (form.matches("[data-enter-form]")) return entered(typed.trim());
  const fields = new FormData(form, event.submitter);
  if (form.querySelector("[data-entry]")) fields.set("entry", typed);
  const key = form.closest(".touch") !== null || form.closest("#found") !== null;
  send({
    url: form.action, fields: [...fields], signature: key ? null : signature(form), repeats: key,
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
  if (text.startsWith("/")) return pickFound();
  entry().value = "";
  send({
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
    if (running || waiting.length) return hold(`dialog ${opener.dataset.dialog}`);
    if ("takeEntry" in opener.dataset && entry().value) said.amount = entry().value;
    return open(opener.dataset.dialog, said);
  }
  if (target?.closest("#dialog [data-close]")) {
    event.preventDefault();
    return shut();
  }
  if (target?.closest("[data-stop-terminal]")) return stopTerminal();
  const page = target?.closest("#till [data-page]");
  if (page) return turn(page);
  const key = target?.closest("[data-function]");
  if (key) return open(FUNCTIONS[key.dataset.function] || "more");
  const pad = target?.closest("[data-type]");
  if (pad) return type(pad.dataset.type);
  if (target?.closest("[data-search]")) {
    entry().value = "/";
    keyboard(true);
    return entry().focus();
  }
  if (target?.closest("[data-keyboard]")) return keyboard(entry().inputMode === "none");
  if (target?.closest("[data-again]") && lost) {
    const act = lost;
    lost = null;
    act.repeats = false;
    act.fields = [...act.sent];
    waiting.unshift(act);
    return next();
  }
  const line = target?.closest("[data-line]");
  if (line) select(line);
});
document.getElementById("terminal").addEventListener("cancel", (event) => {
  event.preventDefault();
  stopTerminal();
});
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  shut();
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
  ready();
}

// --- Lines -------------------------------------------------------------------------------------
function select(line) {
  for (const each of sale().querySelectorAll("[data-line][aria-current]")) each.removeAttribute("aria-current");
  line.setAttribute("aria-current", "true");
  line.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = [...sale().querySelectorAll("[data-line]")];
  const at = all.findIndex((each) => each.hasAttribute("aria-current"));
  const to = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  if (to) {
    select(to);
    spoken(to.innerText);
  }
}

function onLine(key) {
  const found = sale().querySelector(`[data-line][aria-current] [data-on-line="${key}"]`);
  found?.click();
  return found !== null;
}

// --- Search ------------------------------------------------------------------------------------
let searching = 0;

document.addEventListener("input", (event) => {
  if (event.target !== entry()) return;
  clearTimeout(searching);
  const text = entry().value;
  if (!text.startsWith("/") || text.length < 3) return hideFound();
  searching = setTimeout(() => search(text.slice(1)), SEARCH_PAUSE_MS);
});

async function search(words) {
  try {
    const answer = await fetch(`${base}/search?${new URLSearchParams({ q: words })}`, { signal: AbortSignal.timeout(5000) });
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (entry().value !== `/${words}`) return;
    const found = document.getElementById("found");
    found.replaceChildren(...[...made.body.childNodes].map((node) => document.adoptNode(node)));
    found.hidden = false;
    spoken(found.querySelector("[data-count]")?.dataset.count || "");
  } catch {
    alarm(say("No answer. Check the connection and try again."));
  }
}

function hideFound() {
  const found = document.getElementById("found");
  if (found) {
    found.hidden = true;
    found.replaceChildren();
  }
}

function pickFound() {
  const chosen = document.querySelector("#found [aria-selected=true] form");
  if (!chosen) return;
  entry().value = "";
  hideFoundAfter(chosen);
}

function hideFoundAfter(form) {
  const fields = [...new FormData(form)];
  hideFound();
  send({ url: form.action, fields, repeats: true, typed: "" });
}

function stepFound(by) {
  const all = [...document.querySelectorAll("#found [role=option]")];
  if (!all.length) return false;
  const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
  for (const each of all) each.setAttribute("aria-selected", "false");
  const to = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  to.setAttribute("aria-selected", "true");
  to.scrollIntoView({ block: "nearest" });
  return true;
}

// --- Keys and scanners -------------------------------------------------------------------------
// A scanner that is a keyboard types fast and ends with Enter. What came so is taken out of the
// field into which it fell, and goes where scans go.
let burst = "";
let burstAt = 0;
let before = null;

function collect(event) {
  const now = event.timeStamp;
  if (event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey) {
    if (now - burstAt > BURST_GAP_MS) {
      burst = "";
      const field = document.activeElement;
      before = field instanceof HTMLInputElement ? { field, value: field.value } : null;
    }
    burst += event.key;
    burstAt = now;
    return null;
  }
  if (event.key !== "Enter") return null;
  const scanned = now - burstAt <= BURST_GAP_MS && burst.length >= BURST_LENGTH_MIN ? burst : null;
  burst = "";
  return scanned;
}

document.addEventListener(
  "keydown",
  (event) => {
    if (opening && !event.ctrlKey && !event.altKey && (event.key.length === 1 || event.key === "Enter")) {
      event.preventDefault();
      event.stopPropagation();
      ahead.push(event.key);
      return;
    }
    const scanned = collect(event);
    if (scanned !== null) {
      event.preventDefault();
      event.stopPropagation();
      return took(scanned);
    }
    if (event.repeat && event.key === "Enter") return event.preventDefault();
    if (document.querySelector("dialog[open]:not(#dialog)")) return;
    if (dialog.open ? keyInDialog(event) : keyInSale(event)) event.preventDefault();
  },
  true,
);

/** A scan: into the dialog's code where it asks for one, else into the sale. */
function took(text) {
  // The field may have been made anew meanwhile; what stood in it was kept.
  let typed = before;
  if (typed && !typed.field.isConnected) typed = typed.field.id === "entry" ? { field: entry(), value: typed.value } : null;
  before = null;
  if (dialog.open) {
    const field = body().querySelector("input[name=code], input[name=receipt]");
    if (!field) {
      if (typed) typed.field.value = typed.value;
      return beep(220, 0.18);
    }
    // In its own field it stands as a whole, also where it paused on the way.
    if (!typed || typed.field !== field) {
      if (typed) typed.field.value = typed.value;
      field.value = text;
    }
    return field.form.requestSubmit();
  }
  let front = "";
  if (typed && typed.field === entry() && typed.value && !/\*\s*$/.test(typed.value) && !isGtin(text)) {
    // It paused on the way, or somebody types very fast: what stands in the field is the whole.
    return entered(typed.field.value.trim());
  }
  if (typed) {
    typed.field.value = typed.value;
    if (typed.field === entry() && /^\d{1,5}\s*\*$/.test(typed.value)) {
      front = typed.value;
      typed.field.value = "";
    }
  }
  entered(front + text, true);
}

/** Whole, with a check digit that is right. */
function isGtin(text) {
  if (!/^(\d{8}|\d{12,14})$/.test(text)) return false;
  const digits = [...text].map(Number).reverse();
  return digits.reduce((sum, digit, at) => sum + digit * (at % 2 ? 3 : 1), 0) % 10 === 0;
}

function keyInDialog(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  const field = event.target instanceof HTMLInputElement;
  if (!field && event.key.length === 1) {
    const found = body().querySelector(`[data-digit="${CSS.escape(event.key.toLowerCase())}"]:not([disabled])`);
    if (found) {
      found.click();
      return true;
    }
  }
  return /^F([1-9]|1[0-2])$/.test(event.key) && !body().querySelector(`[data-shortcut="${event.key}"]`);
}

function keyInSale(event) {
  if (event.ctrlKey && event.key.toLowerCase() === "p") {
    document.querySelector(".receipt [data-again-print]")?.click();
    return true;
  }
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  const field = entry();
  const empty = field.value === "";
  const searched = !document.getElementById("found").hidden;
  switch (event.key) {
    case "ArrowDown":
      return (searched && stepFound(1)) || (step(1), true);
    case "ArrowUp":
      return (searched && stepFound(-1)) || (step(-1), true);
    case "Escape":
      field.value = "";
      ready();
      return true;
    case "Delete":
      return empty && onLine("Delete");
    case "F9":
      return onLine("F9");
    case "?":
      if (!empty) break;
      kv.open("keys");
      return true;
  }
  if (event.key === "Enter" && event.target instanceof HTMLButtonElement) return false;
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (!typing && (event.key.length === 1 || event.key === "Enter" || event.key === "Backspace")) field.focus({ preventScroll: true });
  return false;
}

// --- What others tell ---------------------------------------------------------------------------
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
  send({ url: `${base}/scan`, fields, repeats: true, typed: front, scan: value || " " });
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
const busy = () => Boolean(running || waiting.length || opening || dialog.open || entry()?.value || sale().dataset.alarm);

function later() {
  clearTimeout(soon);
  soon = setTimeout(async () => {
    if (busy()) return;
    const shown = sale();
    try {
      const answer = await fetch(location.href, { headers: { "x-pieces": "1" }, signal: AbortSignal.timeout(ANSWER_WAIT_MS) });
      if (busy() || sale() !== shown || !answer.ok || answer.redirected) return;
      swap({ text: await answer.text(), ok: true, ended: null }, { method: "GET", keepsEntry: true });
    } catch {
      // The status bar says it.
    }
  }, 300);
}

/** Somebody lends the right, and the same act goes out with it. */
function approve(right, act) {
  kv.approve(right, sale().dataset.alarm || "", (approval) => {
    const fields = [...act.fields].filter(([name]) => name !== "approval");
    send({ ...act, fields: [...fields, ["approval", approval]], repeats: true, signature: null });
  });
}

addEventListener("pagehide", () => sound?.close());
arrange(null);
})();
