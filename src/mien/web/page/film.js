// A film: sent, then asked after; played with its boxes while the results still come in.

import { filmResult, forgetFilm, sendFilm } from "./api.js";

const $ = (id) => document.getElementById(id);
const ASK_EVERY_MS = 400;
const nothing = document.createElement("canvas"); // what is seen of a film that the browser cannot play
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Film {
  constructor(app, file) {
    Object.assign(this, { app, file, frames: [], events: [], job: null, failed: null, stopped: new AbortController() });
    this.until_s = -Infinity; // the last frame is on the screen up to there, as far as is known
    this.start_s = 0; // when the film's first stream begins, on the film's own clock
    this.still = document.createElement("canvas"); // the frame that the browser was seen to show, ...
    this.still_s = null; // ... and when that is, on the browser's clock
    this.name = file.name;
    this.video = $("film");
  }

  async start() {
    const { app, file, video } = this;
    const { signal } = this.stopped;
    app.timeline.window_s = Infinity;
    app.timeline.seekable = true;
    video.src = URL.createObjectURL(file);
    video.hidden = false;
    $("frame").classList.add("film");
    $("fullscreen").hidden = !document.fullscreenEnabled;
    video.onerror = () => {
      video.hidden = true;
      app.timeline.seekable = false;
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
      this.start_s = job.start_s;
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
    const { video } = this;
    const next = () => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(look);
      else requestAnimationFrame(look); // browsers that do not say which frame is on: their clock says nearly
    };
    const look = (_, shown) => {
      if (this.stopped.signal.aborted) return;
      this.first_s ??= shown?.mediaTime;
      this.look(shown?.mediaTime ?? video.currentTime);
      next();
    };
    next();
  }

  // Keeps the frame with its time: a moment later the browser may show the next one, whose faces are elsewhere.
  look(time) {
    const { video, still } = this;
    const { videoWidth: width, videoHeight: height } = video;
    if (!width) return;
    if (still.width !== width || still.height !== height) Object.assign(still, { width, height });
    const context = still.getContext("2d");
    context.globalCompositeOperation = "copy"; // nothing of the last frame shines through
    context.drawImage(video, 0, 0, width, height);
    this.still_s = time;
    this.showNow();
  }

  // The browser's clock begins with the film's own or, in other browsers, with its first stream; its first frame tells.
  get begin_s() {
    const begins_s = this.frames[0]?.time_s ?? 0;
    const own = Math.abs(begins_s - this.first_s) < Math.abs(begins_s - this.start_s - this.first_s);
    return own ? 0 : this.start_s;
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
    const still = playing && this.still_s !== null ? this.still : null;
    const frame = playing ? still && this.frameAt(this.still_s + this.begin_s) : this.frames.at(-1);
    // Pixels need not be square: boxes lie in the film as it is coded, and are drawn in it as it is shown.
    const { width, height } = still ?? frame ?? this.frames[0] ?? {};
    if (!width || !height) return;
    const faces = (frame?.faces ?? []).map((face) => ({ ...face, box: face.box.map((value, place) =>
      value * (place % 2 ? height / frame.height : width / frame.width)) }));
    this.app.view.show(still ?? nothing, faces, { width, height, known: Boolean(frame) });
    if (frame) this.app.timeline.show(frame.time_s);
  }

  seek(time) {
    this.video.currentTime = time - this.begin_s;
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
