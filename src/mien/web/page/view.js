// What is on the screen now: one picture or frame, its faces, the chosen face.

import { showCards, summary } from "./cards.js";
import { sentence } from "./emotions.js";
import { draw, faceAt } from "./scene.js";

const $ = (id) => document.getElementById(id);
const ANNOUNCE_EVERY_MS = 3000; // a screen reader should not be talked to death

export class View {
  constructor({ onChoose }) {
    this.canvas = $("picture");
    this.onChoose = onChoose;
    this.clear();
    this.canvas.addEventListener("click", (event) => {
      const { left, top, width, height } = this.canvas.getBoundingClientRect();
      const x = ((event.clientX - left) / width) * this.canvas.width;
      const y = ((event.clientY - top) / height) * this.canvas.height;
      const index = faceAt(this.faces, x, y);
      if (index !== null) this.choose(index);
    });
  }

  get threshold() { return $("threshold").valueAsNumber / 100; }
  get blurred() { return $("blur").checked; }

  clear() {
    this.source = null;
    this.faces = [];
    this.selected = null;
    this.heat = null;
    this.known = true;
    $("why").hidden = true;
    this.veil();
  }

  // Hides a picture that may have faces nobody has looked for, on the screen and from being saved.
  veil() {
    this.veiled = this.blurred && !this.known;
    $("veil").hidden = !this.veiled;
    $("save-picture").disabled = this.veiled;
  }

  // `source`: what can be drawn. `known`: faces were looked for.
  show(source, faces, { width, height, known = true }) {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    if (this.selected !== null && this.selected >= faces.length) this.selected = null;
    Object.assign(this, { source, faces, known });
    $("work").hidden = false;
    this.redraw();
    this.announce();
  }

  redraw() {
    this.veil();
    if (this.source) {
      const { selected, heat } = this;
      draw(this.canvas, this.veiled ? null : this.source, this.faces, { blurred: this.blurred, selected, heat });
    }
    showCards($("faces"), this.faces, {
      threshold: this.threshold, selected: this.selected, onChoose: (index) => this.choose(index),
    });
    const text = this.known ? summary(this.faces) : "Not analysed.";
    if ($("summary").textContent !== text) $("summary").textContent = text;
  }

  choose(index) {
    this.selected = this.selected === index ? null : index;
    this.explain(null, "");
    this.redraw();
    if (this.selected !== null) this.onChoose(this.selected);
  }

  explain(heat, text) {
    this.heat = heat;
    $("why").hidden = !text;
    $("why-text").textContent = text;
    this.redraw();
  }

  // The picture as it would be saved: with boxes and bars, blurred where that is asked for.
  picture() { return this.canvas; }

  announce() {
    if (!this.known) return;
    const labels = this.faces.map((face) => face.label ?? face.top).join();
    const now = performance.now();
    if (labels === this.announced || now - (this.announcedAt ?? -Infinity) < ANNOUNCE_EVERY_MS) return;
    this.announced = labels;
    this.announcedAt = now;
    $("announce").textContent = this.faces.length ? this.faces.map(sentence).join("; ") : "No face";
  }
}
