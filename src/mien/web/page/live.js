// The webcam: a frame is sent while at most one other is under way, everything else is dropped, so that it never lags.
// What is shown is the frame that was analysed, so boxes fit and blur never comes too late.

import { getModels, openLive } from "./api.js";

const $ = (id) => document.getElementById(id);
const LONGEST_SIDE = 640;
const QUALITY = 0.8;
const UNDER_WAY = 2;
const WINDOW_S = 60;
const MOST_FRAMES = 30000; // some half an hour is kept for downloads
const METER_EVERY_MS = 500;
const METER_OVER_MS = 2000;

export class Live {
  constructor(app) {
    Object.assign(this, { app, frames: [], events: [], sent: new Map(), count: 0, dropped: 0, shown: [], over: false });
    this.name = "webcam";
    this.camera = document.createElement("video");
    Object.assign(this.camera, { muted: true, playsInline: true });
  }

  async start() {
    if (!navigator.mediaDevices) throw new Error("browsers give the webcam only to pages at localhost or over https");
    this.app.working("Starting the webcam", null);
    try {
      const video = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
      this.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (error) {
      const reasons = {
        NotAllowedError: "this page may not use the webcam; allow it in the browser and try again",
        NotFoundError: "there is no webcam",
        NotReadableError: "the webcam is busy; close the other program that uses it",
      };
      throw new Error(reasons[error.name] ?? `the webcam cannot be opened (${error.message})`);
    }
    if (this.over) return this.stop();
    this.app.timeline.window_s = WINDOW_S;
    this.stream.getVideoTracks()[0].onended = () => this.end("the webcam has gone away");
    this.camera.srcObject = this.stream;
    await this.camera.play();
    if (this.over) return;
    this.scale = Math.min(LONGEST_SIDE / Math.max(this.camera.videoWidth, this.camera.videoHeight), 1);
    this.heard = performance.now();
    $("meter").textContent = "";
    $("meter").hidden = false;
    this.timer = setInterval(() => this.meter(), METER_EVERY_MS);
    await this.connect();
  }

  async connect() {
    await getModels(); // asks for the key, and says why there is no answer: of a WebSocket one learns neither
    if (this.over) return;
    let broken = "no live connection can be opened; a proxy in front of the server has to pass on WebSockets and Host";
    this.socket = openLive(this.app.query());
    this.socket.onopen = () => {
      broken = "the connection to the server broke; turn the webcam on again";
      this.heard = performance.now();
      this.next();
    };
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    this.socket.onclose = (event) => this.end(this.reason ?? (event.reason || broken));
  }

  next() {
    if (this.over) return;
    this.capture();
    if (this.camera.requestVideoFrameCallback) this.camera.requestVideoFrameCallback(() => this.next());
    else setTimeout(() => this.next(), 1000 / 30);
  }

  async capture() {
    this.seen = (this.seen ?? 0) + 1;
    if (this.busy || this.sent.size >= UNDER_WAY || this.socket.readyState !== WebSocket.OPEN) {
      this.dropped += 1;
      return;
    }
    this.busy = true;
    const began = performance.now();
    const canvas = new OffscreenCanvas(
      Math.round(this.camera.videoWidth * this.scale), Math.round(this.camera.videoHeight * this.scale));
    canvas.getContext("2d").drawImage(this.camera, 0, 0, canvas.width, canvas.height);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    const content = await blob.arrayBuffer();
    this.busy = false;
    if (this.over || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(content);
    this.sent.set(this.count, { canvas, began });
    this.count += 1;
  }

  take(answer) {
    if (answer.message === undefined) { this.reason = answer.error; return; }
    const now = performance.now();
    this.heard = now;
    const { canvas, began } = this.sent.get(answer.message);
    for (const number of [...this.sent.keys()]) if (number <= answer.message) this.sent.delete(number);
    if (answer.error) { this.app.complain(answer.error); return; }
    this.shown.push({ now, latency: now - began });
    if (!this.frames.length) { this.began = began; this.app.idle(); }
    this.frames.push(answer);
    if (this.frames.length > MOST_FRAMES) this.frames.shift();
    this.events.push(...answer.events);
    this.app.view.show(canvas, answer.faces, answer);
    this.app.timeline.add(answer);
    if (answer.events.length || this.frames.length === 1) this.app.showTime(this.events);
  }

  meter() {
    const now = performance.now();
    const silence = this.silence(now);
    if (silence) {
      if (this.frames.length) $("meter").textContent = silence;
      else this.app.working(`Starting the webcam: ${silence}`, null);
      return;
    }
    this.shown = this.shown.filter((one) => now - one.now < METER_OVER_MS);
    if (!this.shown.length) return;
    const rate = (1000 * this.shown.length) / Math.min(now - this.began, METER_OVER_MS);
    const latency = this.shown.reduce((sum, one) => sum + one.latency, 0) / this.shown.length;
    const share = this.seen ? Math.round((100 * this.dropped) / this.seen) : 0;
    Object.assign($("meter").dataset, { rate: rate.toFixed(1), latency: latency.toFixed(1) });
    $("meter").textContent =
      `${rate.toFixed(0)} frames/s, ${latency.toFixed(0)} ms from camera to screen, ${share} % of frames dropped`;
  }

  // Who is waited for, and for how long; nothing while answers come.
  silence(now) {
    const [oldest] = this.sent.values();
    const lasts_ms = now - Math.max(this.heard, oldest?.began ?? 0);
    if (lasts_ms < METER_OVER_MS) return "";
    const open = this.socket?.readyState === WebSocket.OPEN;
    const what = oldest || !open ? "answer from the server" : "frame from the webcam";
    return `no ${what} for ${Math.floor(lasts_ms / 1000)} s`;
  }

  end(reason) {
    if (this.over) return;
    this.app.complain(reason);
    this.app.webcamOff();
  }

  stop() {
    this.over = true;
    clearInterval(this.timer);
    for (const track of this.stream?.getTracks() ?? []) { track.onended = null; track.stop(); }
    if (this.socket) {
      Object.assign(this.socket, { onmessage: null, onclose: null }); // an answer that is late belongs nowhere
      this.socket.close(1000);
    }
  }

  get results() { return this.frames; }
  get json() { return { frames: this.frames, events: this.events }; }
}
