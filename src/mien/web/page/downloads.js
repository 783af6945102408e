// Results -> files, made in the browser.

function save(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const quoted = (value) => {
  const text = value == null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

// One row a face, and a row with empty columns for a picture or frame without one, as `mien analyze --output` writes it.
export function toCsv(items, labels) {
  const timed = items.some((item) => item.time_s !== undefined);
  const columns = [
    "source", ...(timed ? ["frame", "time_s", "shot"] : []), "width", "height", "model", timed ? "track_id" : "face",
    "x1", "y1", "x2", "y2", "score", "face_probability", ...(timed ? ["label", "label_confidence", "label_unsure"] : []),
    "top", "confidence", "unsure", "present", ...labels.map((label) => `p_${label}`),
    ...(timed ? labels.map((label) => `smoothed_${label}`) : []),
  ];
  const rows = items.flatMap((item) => {
    const faces = item.faces.length ? item.faces : [null];
    return faces.map((face, index) => {
      const [x1, y1, x2, y2] = face?.box ?? [];
      const cells = { ...item, ...face, x1, y1, x2, y2, face: face ? index + 1 : null };
      cells.present = face?.present?.join(";");
      for (const label of labels) {
        cells[`p_${label}`] = face?.emotions[label];
        cells[`smoothed_${label}`] = face?.smoothed?.[label];
      }
      return columns.map((column) => quoted(cells[column])).join(",");
    });
  });
  return [columns.join(","), ...rows].join("\r\n") + "\r\n";
}

const stem = (name) => (name ?? "mien").replace(/\.[^.]*$/, "");

export const saveCsv = (name, items, labels) => save(toCsv(items, labels), "text/csv", `${stem(name)}.csv`);
export const saveJson = (name, content) =>
  save(JSON.stringify(content, null, 1), "application/json", `${stem(name)}.json`);
export const savePicture = (name, canvas) =>
  canvas.toBlob((blob) => save(blob, "image/png", `${stem(name)}-mien.png`), "image/png");
