// The page: what was given goes to photos, film or webcam; what comes back goes to the view and the timeline.

import { getModels } from "./api.js";
import { showEvents, showLegend } from "./cards.js";
import { saveCsv, saveJson, savePicture } from "./downloads.js";
import { sentence } from "./emotions.js";
import { Film } from "./film.js";
import { Live } from "./live.js";
import { Photos } from "./photos.js";
import { Timeline } from "./timeline.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const FILM_NAMES = /\.(mp4|m4v|mov|webm|mkv|avi|mpe?g|wmv|flv|ogv|ts|3gp)$/i;
const isFilm = (file) => file.type.startsWith("video/") || FILM_NAMES.test(file.name);

class App {
  constructor() {
    this.current = null;
    this.heads = new Map();
    this.offered();
    this.view = new View({ onChoose: (index) => this.explain(index) });
    this.timeline = new Timeline($("timeline"), { onSeek: (time) => this.current?.seek?.(time) });
  }

  query() {
    const { model, labels } = this.heads.get($("model").value);
    return new URLSearchParams({ model, labels: labels.name, detector: $("detector").value });
  }

  get labels() { return this.heads.get($("model").value).labels.labels; }

  // Whether it is known what the server offers; what is given before that waits for it, or has it asked again.
  offered() {
    this.offering ??= this.offer().then(() => true, (error) => {
      this.offering = null;
      this.complain(error.message);
      return false;
    });
    return this.offering;
  }

  async offer() {
    const offered = await getModels();
    this.limits = offered.limits;
    for (const model of offered.models) {
      for (const head of model.heads) {
        const name = `${model.name}/${head.name}`;
        this.heads.set(name, { model: model.name, labels: head });
        $("model").append(new Option(`${model.name}: ${head.name} (${head.labels.length} emotions)`, name));
      }
    }
    const words = { haar: "haar (built in)", yunet: "yunet (best)", whole: "none: each picture is one face" };
    $("detector").append(...offered.detectors.map((name) => new Option(words[name] ?? name, name)));
    $("model").value = `${offered.default.model}/${offered.default.labels}`;
    $("detector").value = offered.default.detector;
  }

  async take(files) {
    if (!files.length || !(await this.offered())) return;
    this.webcamOff();
    const films = files.filter(isFilm);
    const most = films.length ? this.limits.max_film_bytes : this.limits.max_bytes;
    const size = films.length ? films[0].size : files.reduce((sum, file) => sum + file.size, 0);
    const name = films.length || files.length === 1 ? (films[0] ?? files[0]).name : `${files.length} photos`;
    const rest = films.length && files.length > 1 ? " (one film at a time, or photos)" : "";
    if (size > most) {
      this.complain(`${name}: ${Math.ceil(size / 2 ** 20)} MB is more than ${most / 2 ** 20} MB, the limit here`);
    } else {
      this.run(() => (films.length ? new Film(this, films[0]) : new Photos(this, files)));
      if (rest) this.complain(`only ${films[0].name} is looked at${rest}`);
    }
  }

  // Stops what goes on, and starts something else: the same again after a switch, or what was just given.
  async run(make) {
    this.stop();
    this.make = make;
    this.complain("");
    const current = make();
    this.current = current;
    current.labels = this.labels; // what is saved has those of the model that answered, whatever is chosen later
    showLegend($("legend"), current.labels);
    $("time").hidden = current instanceof Photos;
    try {
      await current.start();
    } catch (error) {
      if (error.name === "AbortError" || this.current !== current) return;
      this.idle();
      this.complain(error.message);
      if (current instanceof Live) this.webcamOff();
    }
  }

  stop() {
    this.current?.stop();
    this.current = null;
    this.idle();
    this.view.clear();
    this.timeline.reset();
    showEvents($("events"), []);
    $("work").hidden = true;
    $("time").hidden = true;
    $("meter").hidden = true;
  }

  again() {
    if (this.make && this.current) this.run(this.make);
  }

  async webcam() {
    if (!(await this.offered())) return;
    if ($("webcam").getAttribute("aria-pressed") === "true") {
      this.webcamOff();
      return;
    }
    $("webcam").setAttribute("aria-pressed", "true");
    $("webcam").textContent = "Turn off the webcam";
    this.run(() => new Live(this));
  }

  // The last frame and the timeline stay, for a closer look and for downloads.
  webcamOff() {
    if (!(this.current instanceof Live)) return;
    this.current.stop();
    this.make = null;
    this.idle();
    $("webcam").setAttribute("aria-pressed", "false");
    $("webcam").textContent = "Turn on the webcam";
  }

  async explain(index) {
    const { current, view } = this;
    if (!(current instanceof Photos)) return;
    const face = view.faces[index];
    view.explain(null, "Finding out which parts of the face spoke for this ...");
    try {
      const heat = await current.explain(index);
      if (view.faces[view.selected] !== face) return;
      view.explain(heat, `${sentence(face, index)}. Red parts of the face spoke for ${heat.label}, blue ones against it.`
        + (view.blurred ? " Turn off blurring to see them." : ""));
    } catch (error) {
      view.explain(null, error.message);
    }
  }

  showTime(events) {
    showEvents($("events"), events);
  }

  working(text, share) {
    $("progress").hidden = false;
    $("progress-text").textContent = share == null ? text : `${text} (${Math.round(100 * share)} %)`;
    if (share == null) $("progress-bar").removeAttribute("value");
    else $("progress-bar").value = share;
  }

  idle() { $("progress").hidden = true; }

  complain(text) {
    $("error").hidden = !text;
    $("error").textContent = text;
  }
}

const app = new App();

function wire() {
  $("file").addEventListener("change", () => { app.take([...$("file").files]); $("file").value = ""; });
  $("webcam").addEventListener("click", () => app.webcam());
  $("cancel").addEventListener("click", () => { app.webcamOff(); app.stop(); });
  for (const id of ["model", "detector"]) $(id).addEventListener("change", () => app.again());
  $("settings").addEventListener("submit", (event) => event.preventDefault());
  $("threshold").addEventListener("input", () => {
    $("threshold-value").textContent = `${$("threshold").value} %`;
    app.view.redraw();
  });
  $("blur").addEventListener("change", () => { app.current?.showNow?.(); app.view.redraw(); });
  $("why-close").addEventListener("click", () => { app.view.selected = null; app.view.explain(null, ""); });
  $("save-csv").addEventListener("click", () => saveCsv(app.current.name, app.current.results, app.current.labels));
  $("save-json").addEventListener("click", () => saveJson(app.current.name, app.current.json));
  $("save-picture").addEventListener("click", () => savePicture(app.current.name, app.view.picture()));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && app.view.selected !== null) $("why-close").click();
  });
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    app.take([...event.dataTransfer.files]);
  });
  window.addEventListener("pagehide", () => app.current?.leave?.());
  document.addEventListener("paste", (event) => app.take([...event.clipboardData.files]));
}

wire();
