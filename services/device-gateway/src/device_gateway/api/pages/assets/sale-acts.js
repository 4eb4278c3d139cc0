// The sale's acts. Each is a form with a key that the server made; they go out one after the other,
// each with the key of the newest answer; one whose answer is lost is sent again as it was.
"use strict";

(() => {
const till = document.getElementById("till");
const base = till.dataset.base;
const dialog = document.getElementById("dialog");
const sale = () => document.getElementById("sale");
const entry = () => document.getElementById("entry");
const body = () => document.getElementById("dialog-body");

/** What the scripts of this page do for each other. */
const screen = (window.kv.screen = { till, base, dialog, sale, entry, body });

const ANSWER_WAIT_MS = (screen.ANSWER_WAIT_MS = 20000);
const TRIES_MAX = 3;
const TRY_PAUSE_MS = 700;
const QUEUE_MAX = 50;

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
  screen.swap(answer, done);
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

/** Something was asked for and is not answered yet. */
const underWay = () => Boolean(running || waiting.length);

/** The act whose answer was lost, once more and as it was. */
function again() {
  if (!lost) return;
  const act = lost;
  lost = null;
  act.repeats = false;
  act.fields = [...act.sent];
  waiting.unshift(act);
  next();
}

// --- Said aloud, and heard --------------------------------------------------------------------
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
addEventListener("pagehide", () => sound?.close());

Object.assign(screen, { signature, hold, send, underWay, again, stopTerminal, spoken, alarm, beep });
})();
