// Photos: sent together, shown one at a time.

import { analyze, explain } from "./api.js";

const $ = (id) => document.getElementById(id);

export class Photos {
  constructor(app, files) {
    Object.assign(this, { app, files, items: [], at: 0, stopped: new AbortController() });
    this.name = files.length === 1 ? files[0].name : "photos";
  }

  async start() {
    const { app, files } = this;
    app.working(files.length === 1 ? "Looking for faces" : `Looking for faces in ${files.length} photos`, null);
    const answer = await analyze(files, app.query(), this.stopped.signal);
    const bad = new Set(answer.problems.map((problem) => problem.picture));
    if (bad.size) app.complain(answer.problems.map((problem) => problem.error).join("; "));
    const good = files.filter((_, index) => !bad.has(index));
    const items = await Promise.all(good.map(async (file, index) => ({
      file, result: answer.results[index], bitmap: await createImageBitmap(file, { imageOrientation: "from-image" })
        .catch(() => null), // a TIFF, which browsers cannot show
    })));
    if (this.stopped.signal.aborted) { // while they were decoded
      for (const item of items) item.bitmap?.close();
      return;
    }
    this.items = items;
    app.idle();
    this.strip();
    this.show(0);
  }

  stop() {
    this.stopped.abort();
    $("strip").hidden = true;
    for (const item of this.items) item.bitmap?.close();
  }

  strip() {
    $("strip").hidden = this.items.length < 2;
    $("strip").replaceChildren(...this.items.map((item, index) => {
      const entry = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${item.file.name} (${item.result.faces.length})`;
      button.addEventListener("click", () => this.show(index));
      entry.append(button);
      return entry;
    }));
  }

  show(index) {
    this.at = index;
    const { bitmap, result } = this.items[index];
    [...$("strip").querySelectorAll("button")].forEach((button, place) =>
      button.setAttribute("aria-pressed", String(place === index)));
    this.app.view.clear();
    if (!bitmap) this.app.complain(`${result.source}: this browser cannot show such files; the faces stand beside`);
    const blank = document.createElement("canvas");
    blank.width = blank.height = 1;
    this.app.view.show(bitmap ?? blank, result.faces, result);
  }

  // Asks the server which parts of the face spoke for its emotion.
  async explain(face) {
    const query = this.app.query();
    query.set("face", face);
    return explain(this.items[this.at].file, query);
  }

  get results() { return this.items.map((item) => item.result); }
  get json() { return { results: this.results }; }
}
