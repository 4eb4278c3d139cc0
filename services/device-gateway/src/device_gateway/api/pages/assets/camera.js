// Reads codes with the camera and sends what they say to the gateway, which tells the till's screens.
// The page keeps nothing: a code leaves it in one request, and only what may be shown comes back.
"use strict";

(() => {
  const DECODE_EVERY_MS = 150;
  const SAME_AGAIN_MS = 2500;
  const SHOWN_MS = 1500;
  const WIDTH = 1280;
  const HEIGHT = 720;

  const { say } = window.kv;
  const place = document.getElementById("camera");
  const picture = document.getElementById("camera-picture");
  const note = document.getElementById("camera-note");
  const light = document.getElementById("camera-light");
  const other = document.getElementById("camera-other");
  const canvas = document.createElement("canvas");
  const brush = canvas.getContext("2d", { willReadFrequently: true });

  let stream = null;
  let facing = "environment";
  let lit = false;
  let busy = false;
  let last = { text: "", at: 0 };

  // The library would fetch this file from a public server by itself.
  ZXingWASM.prepareZXingModule({
    overrides: { locateFile: () => place.dataset.wasm },
    fireImmediately: true,
  });

  function tell(text, level = "") {
    note.textContent = text;
    note.className = level;
  }

  async function start() {
    stop();
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: facing, width: { ideal: WIDTH }, height: { ideal: HEIGHT } },
      });
    } catch {
      tell(say("There is no camera, or this browser may not use it."), "bad");
      return;
    }
    picture.srcObject = stream;
    await picture.play();
    const [track] = stream.getVideoTracks();
    light.hidden = !track.getCapabilities?.().torch;
    tell(say("Hold a code in front of the camera."));
    place.dataset.state = "looking";
  }

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    place.dataset.state = "stopped";
  }

  async function look() {
    if (!stream || busy || document.hidden || picture.readyState < 2) return;
    busy = true;
    try {
      canvas.width = picture.videoWidth;
      canvas.height = picture.videoHeight;
      brush.drawImage(picture, 0, 0);
      const image = brush.getImageData(0, 0, canvas.width, canvas.height);
      const found = await ZXingWASM.readBarcodes(image, { maxNumberOfSymbols: 1, textMode: "Plain" });
      if (found.length && found[0].isValid && found[0].text) await read(found[0]);
    } catch {
      tell(say("The picture cannot be read."), "bad");
    } finally {
      busy = false;
    }
  }

  async function read(code) {
    const now = performance.now();
    const repeated = code.text === last.text && now - last.at < SAME_AGAIN_MS;
    last = { text: code.text, at: now };
    if (repeated) return;
    const body = { text: code.text, source: "camera", tell: true };
    if (/^\][A-Za-z][0-9A-Za-z]$/.test(code.symbologyIdentifier)) body.aim = code.symbologyIdentifier;
    let answer;
    try {
      answer = await fetch(document.body.dataset.live.replace(/\/live$/, "/scans"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    } catch {
      last.text = "";
      return tell(say("The code was not taken. Try again."), "bad");
    }
    if (!answer.ok) {
      last.text = "";
      return tell(say("The code was not taken. Try again."), "bad");
    }
    const scan = await answer.json();
    place.dataset.kind = scan.kind;
    navigator.vibrate?.(scan.action === "refuse" ? [60, 60, 60] : 60);
    const label = scan.article?.name || scan.label || "";
    if (scan.action === "refuse") tell(say("This code does not belong here."), "bad");
    else tell(say("Read: {label}", { label: label || "✓" }), "ok");
    // Opened by the sale: back to it, which has heard of the scan meanwhile.
    if (window.opener && scan.action !== "refuse") return setTimeout(() => window.close(), 300);
    setTimeout(() => stream && tell(say("Hold a code in front of the camera.")), SHOWN_MS);
  }

  light.addEventListener("click", async () => {
    const [track] = stream?.getVideoTracks() || [];
    if (!track) return;
    lit = !lit;
    await track.applyConstraints({ advanced: [{ torch: lit }] }).catch(() => {});
    light.setAttribute("aria-pressed", String(lit));
  });
  other.addEventListener("click", () => {
    facing = facing === "environment" ? "user" : "environment";
    start();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  setInterval(look, DECODE_EVERY_MS);
  start();
})();
