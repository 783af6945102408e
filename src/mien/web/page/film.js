// A film: sent, then asked after; played with its boxes while the results still come in.

import { filmResult, forgetFilm, sendFilm } from "./api.js";

const $ = (id) => document.getElementById(id);
const ASK_EVERY_MS = 400;
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Film {
  constructor(app, file) {
    Object.assign(this, { app, file, frames: [], events: [], job: null, failed: null, stopped: new AbortController() });
    this.until_s = -Infinity; // the last frame is on the screen up to there, as far as is known
    this.name = file.name;
    this.video = $("film");
  }

  async start() {
    const { app, file, video } = this;
    const { signal } = this.stopped;
    app.timeline.window_s = Infinity;
    video.src = URL.createObjectURL(file);
    video.hidden = false;
    $("frame").classList.add("film");
    $("fullscreen").hidden = !document.fullscreenEnabled;
    video.onerror = () => {
      video.hidden = true;
      // The server's word on a film that nobody can read is the better one, whichever comes first.
      if (!this.failed) app.complain(`${file.name}: this browser cannot play it; what was found is shown all the same`);
    };
    this.keepCovered();
    this.follow();
    app.working(`Sending ${file.name}`, 0);
    this.job = await sendFilm(file, app.query(), (share) => app.working(`Sending ${file.name}`, share), signal);
    while (this.job.state === "waiting" || this.job.state === "running" || this.more) {
      const { job, frames } = await filmResult(this.job.id, this.frames.length, signal);
      this.job = job;
      this.take(frames);
      this.more = frames.length > 0; // those that came in between the two answers
      const of = job.expected_frames ? ` of ${job.expected_frames}` : "";
      app.working(job.state === "waiting" ? "Waiting for its turn" : `Analysing: ${job.frames}${of} frames`, job.progress);
      if (job.state === "failed") break;
      if (job.state !== "done") await wait(ASK_EVERY_MS);
    }
    if (this.job.state === "failed") this.failed = this.job.error; // perhaps before it was asked after
    else this.until_s = this.job.problems.length ? this.lastEnds() : Infinity;
    forgetFilm(this.job.id);
    this.job = null;
    app.idle();
    if (this.failed) throw new Error(this.failed);
    this.showNow();
  }

  take(frames) {
    for (const frame of frames) {
      this.app.timeline.add(frame);
      this.events.push(...frame.events);
    }
    this.frames.push(...frames);
    if (frames.length) this.app.showTime(this.events);
    if (this.job?.problems.length) this.app.complain(this.job.problems.join("; "));
    this.showNow();
  }

  follow() {
    const next = () => {
      if (this.stopped.signal.aborted) return;
      this.showNow();
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
      else requestAnimationFrame(next);
    };
    for (const event of ["seeked", "loadeddata"]) {
      this.video.addEventListener(event, () => this.showNow(), { signal: this.stopped.signal });
    }
    next();
  }

  // The video alone, as browsers put it on the whole screen or into a small window, has neither boxes nor blur.
  keepCovered() {
    const { video } = this;
    const { signal } = this.stopped;
    video.addEventListener("fullscreenchange", () => {
      if (document.fullscreenElement === video) document.exitFullscreen().then(() => this.fill()).catch(() => {});
    }, { signal });
    video.addEventListener("webkitpresentationmodechanged", () => { // Safari
      if (video.webkitPresentationMode !== "inline") video.webkitSetPresentationMode("inline");
    }, { signal });
    $("fullscreen").addEventListener("click", () => this.fill(), { signal });
  }

  // The whole screen, for the film with what is drawn over it.
  fill() { $("frame").requestFullscreen().catch(() => {}); }

  // A film that is damaged, or longer than the limit, may go on after the last frame that was analysed.
  lastEnds() {
    const [last, before] = this.frames.slice(-2).reverse();
    return last.time_s + (before ? last.time_s - before.time_s : 1e-3);
  }

  // The frame that is on the screen then; null where that may be one that was not analysed (yet).
  frameAt(time) {
    let [low, high] = [0, this.frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle].time_s <= time + 1e-4) low = middle + 1;
      else high = middle;
    }
    if (low === this.frames.length && time + 1e-4 >= this.until_s) return null;
    return this.frames[Math.max(low - 1, 0)];
  }

  showNow() {
    const playing = !this.video.hidden;
    const first = this.frames[0];
    const frame = playing ? this.frameAt(this.video.currentTime + (first?.time_s ?? 0)) : this.frames.at(-1);
    // Pixels need not be square: boxes lie in the film as it is coded, and are drawn in it as it is shown.
    const shown = playing && this.video.videoWidth ? this.video : null;
    const width = shown?.videoWidth ?? (frame ?? first)?.width;
    const height = shown?.videoHeight ?? (frame ?? first)?.height;
    if (!width || !height) return;
    const faces = (frame?.faces ?? []).map((face) => ({ ...face, box: face.box.map((value, place) =>
      value * (place % 2 ? height / frame.height : width / frame.width)) }));
    this.app.view.show(this.video, faces, { width, height, over: true, known: Boolean(frame) });
    if (frame) this.app.timeline.show(frame.time_s);
  }

  seek(time) {
    this.video.currentTime = time - (this.frames[0]?.time_s ?? 0);
  }

  // The page goes away: nobody will ask for the rest.
  leave() {
    if (this.job) forgetFilm(this.job.id, { keepalive: true });
  }

  stop() {
    this.stopped.abort();
    if (this.job) forgetFilm(this.job.id);
    this.video.pause();
    this.video.onerror = null;
    URL.revokeObjectURL(this.video.src);
    this.video.removeAttribute("src");
    this.video.load();
    this.video.hidden = true;
    $("frame").classList.remove("film");
    $("fullscreen").hidden = true;
  }

  get results() { return this.frames; }
  get json() { return { frames: this.frames, events: this.events }; }
}
