// Keys, the search, and scanners that are keyboards: what they type is collected wherever the focus is.
"use strict";

(() => {
const { screen } = window.kv;
const { base, dialog, sale, entry, body, spoken, alarm, beep } = screen;

const BURST_GAP_MS = 50;
const BURST_LENGTH_MIN = 4;
const SEARCH_PAUSE_MS = 150;

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

// --- Search -----------------------------------------------------------------------------------
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
  screen.send({ url: form.action, fields, repeats: true, typed: "" });
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

// --- Keys and scanners ------------------------------------------------------------------------
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
    if (screen.isOpening() && !event.ctrlKey && !event.altKey && (event.key.length === 1 || event.key === "Enter")) {
      event.preventDefault();
      event.stopPropagation();
      screen.pressedAhead(event.key);
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
    return screen.entered(typed.field.value.trim());
  }
  if (typed) {
    typed.field.value = typed.value;
    if (typed.field === entry() && /^\d{1,5}\s*\*$/.test(typed.value)) {
      front = typed.value;
      typed.field.value = "";
    }
  }
  screen.entered(front + text, true);
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
    document.querySelector("#last [data-again-print]")?.click();
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
      screen.ready();
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

Object.assign(screen, { select, pickFound, hideFound });
})();
