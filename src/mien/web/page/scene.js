// Draws a picture with its faces: boxes, names, bars; blurred where nobody is to be recognised; heat where asked why.

import { color, isUnsure, labelOf, nameOf, percent, ranked, scoresOf } from "./emotions.js";

const BLUR_CELLS = 6; // as in mien/draw.py: too few to tell a person or an expression
const BLUR_MARGIN = 0.25;
const BARS = 3;
const UNSURE = "#d6d8de";

const cells = document.createElement("canvas");
cells.width = cells.height = BLUR_CELLS;

function blur(context, source, face) {
  const [x1, y1, x2, y2] = face.box;
  const [wide, high] = [x2 - x1, y2 - y1];
  const left = Math.max(x1 - BLUR_MARGIN * wide, 0), top = Math.max(y1 - BLUR_MARGIN * high, 0);
  const right = Math.min(x2 + BLUR_MARGIN * wide, context.canvas.width);
  const bottom = Math.min(y2 + BLUR_MARGIN * high, context.canvas.height);
  if (right - left < 1 || bottom - top < 1) return;
  const small = cells.getContext("2d");
  small.globalCompositeOperation = "copy"; // nothing of the last face shines through
  small.imageSmoothingEnabled = true;
  small.imageSmoothingQuality = "high";
  small.drawImage(source, left, top, right - left, bottom - top, 0, 0, BLUR_CELLS, BLUR_CELLS);
  context.save();
  context.beginPath();
  context.ellipse((left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2, 0, 0, 2 * Math.PI);
  context.rect(x1, y1, wide, high);
  context.clip();
  context.imageSmoothingEnabled = true;
  context.drawImage(cells, left, top, right - left, bottom - top);
  context.restore();
}

function drawHeat(context, heat) {
  const small = document.createElement("canvas");
  const rows = heat.map;
  small.width = rows[0].length;
  small.height = rows.length;
  const image = new ImageData(small.width, small.height);
  rows.flat().forEach((value, place) => {
    // Red speaks for the emotion, blue against it; nothing is transparent.
    image.data.set(value > 0 ? [230, 30, 20, 200 * value] : [30, 90, 255, -200 * value], 4 * place);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  context.save();
  context.transform(...heat.transform);
  context.drawImage(small, 0, 0, 1, 1);
  context.restore();
}

function drawBox(context, face, index, unit, selected) {
  const [x1, y1, x2, y2] = face.box;
  context.lineWidth = unit * (selected ? 2 : 1);
  context.strokeStyle = isUnsure(face) ? UNSURE : color(labelOf(face));
  context.setLineDash(isUnsure(face) ? [4 * unit, 3 * unit] : []);
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  context.setLineDash([]);
}

const shared = (a, b) =>
  Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0) * Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);

// Below, above, right or left of the face: the first place that hides no other face and nothing that is drawn already.
function freePlace([x1, y1, x2, y2], wide, high, { width, height }, taken) {
  const places = [[x1, y2 + 1], [x1, y1 - high - 1], [x2 + 1, y1], [x1 - wide - 1, y1]].map(([x, y]) => {
    const left = Math.min(Math.max(x, 0), Math.max(width - wide, 0));
    const top = Math.min(Math.max(y, 0), Math.max(height - high, 0));
    return [left, top, left + wide, top + high];
  });
  return places.find((place) => taken.every((other) => shared(place, other) === 0)) ?? null;
}

// Name and bars; in a crowd, where bars would hide faces, the name alone. The chosen face always has its bars.
function drawPanel(context, face, index, unit, { chosen, taken }) {
  const [x1, y1, x2, y2] = face.box;
  const { width, height } = context.canvas;
  const size = Math.max(Math.min(Math.max((x2 - x1) / 8, 5 * unit), Math.max(width, height) / 30), 9);
  const rows = ranked(scoresOf(face)).slice(0, BARS);
  context.font = `${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const line = 1.3 * size, pad = 0.4 * size;
  const title = `${nameOf(face, index)}${isUnsure(face) ? ": unsure" : ""}`;
  const wide = 3 * pad + Math.max(context.measureText(title).width,
    ...rows.map(([label]) => context.measureText(`${label} 100 %`).width));
  const high = line * (rows.length + 1) + pad;
  let place = freePlace(face.box, wide, high, { width, height }, taken);
  if (!place && chosen) place = freePlace(face.box, wide, high, { width, height }, []);
  if (!place) {
    const short = isUnsure(face) ? `${index + 1} ?` : `${index + 1} ${labelOf(face)}`;
    const tag = context.measureText(short).width + 2 * pad;
    context.fillStyle = "rgba(18, 19, 24, 0.78)";
    context.fillRect(x1, y2 - line, tag, line);
    context.fillStyle = "#fff";
    context.fillText(short, x1 + pad, y2 - line / 2);
    return;
  }
  taken.push(place);
  const [left, top] = place;
  context.fillStyle = "rgba(18, 19, 24, 0.78)";
  context.fillRect(left, top, wide, high);
  context.fillStyle = "#fff";
  context.fillText(title, left + pad, top + pad / 2 + line / 2);
  rows.forEach(([label, value], number) => {
    const y = top + pad / 2 + (number + 1) * line;
    context.fillStyle = color(label);
    context.globalAlpha = 0.75;
    context.fillRect(left + pad, y + 0.08 * line, (wide - 2 * pad) * value, 0.84 * line);
    context.globalAlpha = 1;
    context.fillStyle = "#fff";
    context.fillText(label, left + pad + 2, y + line / 2);
    context.textAlign = "right";
    context.fillText(percent(value), left + wide - pad, y + line / 2);
    context.textAlign = "left";
  });
}

// Draws onto a canvas whose size is the picture's. Without a source the canvas is empty.
export function draw(canvas, source, faces, { blurred = false, selected = null, heat = null } = {}) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!source) return;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  if (blurred) for (const face of faces) blur(context, source, face);
  if (heat && !blurred) drawHeat(context, heat);
  const unit = Math.max(Math.max(canvas.width, canvas.height) / 400, 1.5);
  faces.forEach((face, index) => drawBox(context, face, index, unit, index === selected));
  const taken = faces.map((face) => face.box);
  faces.forEach((face, index) => drawPanel(context, face, index, unit, { chosen: index === selected, taken }));
}

export function faceAt(faces, x, y) {
  const hits = faces.map((face, index) => [face.box, index])
    .filter(([[x1, y1, x2, y2]]) => x >= x1 && x < x2 && y >= y1 && y < y2);
  return hits.length ? hits[0][1] : null;
}
