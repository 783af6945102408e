// Emotions over time: a lane per person, a line per emotion, a band for the label. Draws only what one pixel can show.

import { color, percent } from "./emotions.js";

const LANE = 84, BAND = 8, AXIS = 22, MOST_LANES = 8;
const VALUES = ["aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"];

export class Timeline {
  constructor(canvas, { onSeek }) {
    this.canvas = canvas;
    this.window_s = Infinity;
    this.now = null;
    this.reset();
    const seek = (event) => {
      if (this.end <= this.begin) return;
      const { left, width } = canvas.getBoundingClientRect();
      onSeek(this.begin + ((event.clientX - left) / width) * (this.end - this.begin));
    };
    canvas.addEventListener("pointerdown", seek);
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -0.5, ArrowRight: 0.5, PageUp: 5, PageDown: -5, Home: -Infinity, End: Infinity };
      if (!(event.key in steps)) return;
      event.preventDefault();
      onSeek(Math.min(Math.max((this.now ?? this.begin) + steps[event.key], this.begin), this.end));
    });
    new ResizeObserver(() => this.later()).observe(canvas.parentElement);
  }

  reset() {
    this.tracks = new Map();
    this.first = null; // a film's own clock may begin anywhere: a broadcast is on the air for days
    this.begin = 0;
    this.end = 0;
    this.frames = 0;
    this.now = null;
    this.seekable = false;
    this.later();
  }

  // A slider only where there is somewhere to go to; of a webcam it is a picture.
  set seekable(yes) {
    const { canvas } = this;
    this.seeks = yes;
    canvas.setAttribute("role", yes ? "slider" : "img");
    if (yes) canvas.tabIndex = 0;
    else for (const name of ["tabindex", ...VALUES]) canvas.removeAttribute(name);
    this.later();
  }

  add(frame) {
    this.frames += 1;
    if (this.first === null) this.first = this.end = frame.time_s;
    this.end = Math.max(this.end, frame.time_s);
    this.begin = Math.max(this.end - this.window_s, this.first);
    for (const face of frame.faces) {
      if (!this.tracks.has(face.track_id)) this.tracks.set(face.track_id, []);
      const points = this.tracks.get(face.track_id);
      points.push({ time: frame.time_s, scores: face.smoothed, label: face.label });
      if (this.window_s < Infinity) while (points[0].time < this.begin) points.shift();
    }
    for (const [id, points] of this.tracks) {
      if (points[points.length - 1].time < this.begin) this.tracks.delete(id);
    }
    this.canvas.dataset.frames = this.frames;
    this.later();
  }

  show(time) {
    this.now = time;
    this.later();
  }

  later() {
    if (this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => { this.planned = false; this.draw(); });
  }

  draw() {
    const { canvas } = this;
    const wide = canvas.parentElement.clientWidth - 32;
    if (wide < 1) return;
    const lanes = [...this.tracks].sort((a, b) => a[0] - b[0]).slice(-MOST_LANES);
    const high = Math.max(lanes.length, 1) * LANE + AXIS;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(high * ratio);
      canvas.style.height = `${high}px`;
    }
    const context = canvas.getContext("2d");
    const style = getComputedStyle(document.body);
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, wide, high);
    context.font = "12px system-ui, sans-serif";
    const length = Math.max(this.end - this.begin, 1e-6);
    const x = (time) => ((time - this.begin) / length) * wide;
    lanes.forEach(([id, points], number) => this.lane(context, id, points, number * LANE, { x, wide, soft, line }));
    this.axis(context, high, { x, wide, soft, line, length });
    if (this.now !== null) {
      context.fillStyle = ink;
      context.fillRect(x(this.now) - 1, 0, 2, high - AXIS);
    }
    if (!this.seeks) return;
    const values = [...[this.begin, this.end, this.now ?? this.end].map((time) => time.toFixed(2)), this.words()];
    VALUES.forEach((name, place) => canvas.setAttribute(name, values[place]));
  }

  lane(context, id, points, top, { x, wide, soft, line }) {
    const bottom = top + LANE - BAND - 6, high = LANE - BAND - 24;
    context.strokeStyle = line;
    context.lineWidth = 1;
    for (const share of [0, 0.5, 1]) {
      context.beginPath();
      context.moveTo(0, bottom - share * high + 0.5);
      context.lineTo(wide, bottom - share * high + 0.5);
      context.stroke();
    }
    if (!points.length) return;
    const most = Math.max(Math.ceil(points.length / wide), 1);
    const few = points.filter((_, place) => place % most === 0 || place === points.length - 1);
    const gap = Math.max(1, 3 * most / Math.max(points.length / Math.max(this.end - this.begin, 1e-6), 1e-6));
    context.lineWidth = 1.75;
    for (const label of Object.keys(few[0].scores)) {
      context.strokeStyle = color(label);
      context.beginPath();
      few.forEach((point, place) => {
        const far = place === 0 || point.time - few[place - 1].time > gap;
        context[far ? "moveTo" : "lineTo"](x(point.time), bottom - point.scores[label] * high);
      });
      context.stroke();
    }
    let start = 0;
    few.forEach((point, place) => {
      const next = few[place + 1];
      if (next && next.label === point.label && next.time - point.time <= gap) return;
      const until = next && next.time - point.time <= gap ? next.time : point.time;
      context.fillStyle = color(point.label);
      context.fillRect(x(few[start].time), bottom + 3, Math.max(x(until) - x(few[start].time), 1), BAND);
      start = place + 1;
    });
    context.fillStyle = soft;
    context.fillText(`Person ${id}`, 2, top + 12);
  }

  axis(context, high, { x, wide, soft, line, length }) {
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
    const step = steps.find((one) => (one / length) * wide >= 64) ?? 1200;
    context.fillStyle = soft;
    context.strokeStyle = line;
    for (let time = Math.ceil(this.begin / step) * step; time <= this.end + 1e-9; time += step) {
      const at = x(time);
      context.beginPath();
      context.moveTo(at, high - AXIS);
      context.lineTo(at, high - AXIS + 4);
      context.stroke();
      const text = step < 1 ? `${time.toFixed(1)} s` : `${Math.round(time)} s`;
      const size = context.measureText(text).width;
      context.fillText(text, Math.min(Math.max(at - size / 2, 0), wide - size), high - 4);
    }
  }

  words() {
    const time = this.now ?? this.end;
    const parts = [...this.tracks].map(([id, points]) => {
      const point = points.findLast((one) => one.time <= time + 1e-6);
      return point && time - point.time < 1 ? `person ${id} ${point.label} ${percent(point.scores[point.label])}` : null;
    });
    return `${time.toFixed(1)} seconds, ${parts.filter(Boolean).join(", ") || "no face"}`;
  }
}
