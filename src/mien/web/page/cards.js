// The faces as a list: name, three bars, chips. Elements are kept and changed, so that focus stays where it is.

import { color, isUnsure, labelOf, nameOf, percent, ranked, scoresOf, sentence } from "./emotions.js";

const BARS = 3;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function dot(label) {
  const made = element("span", "dot");
  made.style.background = color(label);
  return made;
}

function newCard(onChoose, index) {
  const item = element("li");
  const card = element("button", "face");
  card.type = "button";
  const name = element("span", "name");
  name.append(element("span"), element("span"));
  const bars = element("span", "bars");
  for (let number = 0; number < BARS; number += 1) {
    const bar = element("span", "bar");
    const rail = element("span", "rail");
    rail.append(element("span", "fill"));
    bar.append(element("span"), rail, element("span"));
    bars.append(bar);
  }
  card.append(name, bars, element("span", "chips"));
  card.addEventListener("click", () => onChoose(index));
  item.append(card);
  return item;
}

function fill(card, face, index, { threshold, selected }) {
  const rows = ranked(scoresOf(face));
  const label = labelOf(face);
  const [name, top] = card.querySelector(".name").children;
  name.textContent = nameOf(face, index);
  // The label of a film is held for a moment after another emotion has come to the top.
  const turning = rows[0][0] !== label ? `, turning to ${rows[0][0]}` : "";
  top.textContent = isUnsure(face) ? "unsure" : label + turning;
  card.setAttribute("aria-label", sentence(face, index));
  card.setAttribute("aria-pressed", String(selected));
  [...card.querySelectorAll(".bar")].forEach((bar, number) => {
    const [word, rail, value] = bar.children;
    bar.hidden = number >= rows.length;
    if (bar.hidden) return;
    word.textContent = rows[number][0];
    rail.firstChild.style.width = `${100 * rows[number][1]}%`;
    rail.firstChild.style.background = color(rows[number][0]);
    value.textContent = percent(rows[number][1]);
  });
  const shown = rows.filter(([, value]) => value >= threshold).map(([emotion]) => emotion);
  const chips = card.querySelector(".chips");
  const wanted = `${isUnsure(face) ? "unsure," : ""}${shown.join()}`;
  if (chips.dataset.shown === wanted) return;
  chips.dataset.shown = wanted;
  chips.replaceChildren(...(isUnsure(face) ? [element("span", "chip unsure", "unsure")] : []), ...shown.map((emotion) => {
    const chip = element("span", "chip");
    chip.append(dot(emotion), emotion);
    return chip;
  }));
}

export function showCards(list, faces, { threshold, selected, onChoose }) {
  while (list.children.length > faces.length) list.lastChild.remove();
  while (list.children.length < faces.length) list.append(newCard(onChoose, list.children.length));
  faces.forEach((face, index) =>
    fill(list.children[index].firstChild, face, index, { threshold, selected: index === selected }));
}

export function summary(faces) {
  if (!faces.length) return "No face found.";
  return faces.length === 1 ? "1 face found." : `${faces.length} faces found.`;
}

export function showLegend(list, labels) {
  if (list.dataset.labels === labels.join()) return;
  list.dataset.labels = labels.join();
  list.replaceChildren(...labels.map((label) => {
    const item = element("li");
    item.append(dot(label), label);
    return item;
  }));
}

export function showEvents(body, events) {
  const seconds = (value) => `${value.toFixed(2)} s`;
  body.replaceChildren(...events.map((event) => {
    const row = element("tr");
    for (const text of [event.track_id, event.emotion, seconds(event.onset_s), seconds(event.offset_s),
      percent(event.apex_probability)]) row.append(element("td", "", text));
    return row;
  }));
}
