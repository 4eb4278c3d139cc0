// What the sale's screen shows: pieces that the server made, the dialog, what is loaded beside it.
"use strict";

(() => {
const { screen } = window.kv;
const { base, dialog, sale, entry, body, spoken, alarm, beep, ANSWER_WAIT_MS } = screen;

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
    if (answer.ended) last(answer.ended);
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
  if (sale().dataset.right && act) screen.approve(sale().dataset.right, act);
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
  const first = wrong || body().querySelector("[autofocus]") || body().querySelector("input:not([type=hidden])")
    || body().querySelector("[data-ok]") || body().querySelector("button");
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

/** The strip of the last receipt, which names a sale that has just ended. */
function last(booking) {
  const strip = document.getElementById("last");
  strip.dataset.load = `${base}/last?${new URLSearchParams({ booking })}`;
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

const isOpening = () => opening > 0;

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
  screen.hideFound();
  if (!kv.dialogOpen()) entry()?.focus({ preventScroll: true });
}

Object.assign(screen, { swap, arrange, open, isOpening, pressedAhead, shut, ready });
})();
