// Colours and words of emotions, the same as in annotated pictures (mien/draw.py).

const COLORS = {
  anger: "#e5484d", disgust: "#5e9e48", fear: "#9763d2", happiness: "#f5b400", sadness: "#3e76d6",
  surprise: "#00a2ae", neutral: "#8b8d98", contempt: "#b06a34",
};

export const color = (label) => COLORS[label] ?? "#8b8d98";
export const percent = (value) => `${Math.round(100 * value)} %`;
export const ranked = (scores) => Object.entries(scores).sort((a, b) => b[1] - a[1]);

// A face of a film or of the webcam is known by its person, one of a photo by its number.
export const nameOf = (face, index) => (face.track_id == null ? `Face ${index + 1}` : `Person ${face.track_id}`);
export const scoresOf = (face) => face.smoothed ?? face.emotions;
export const labelOf = (face) => face.label ?? face.top;
// The verdict on what is shown: of a film that is the held label.
export const isUnsure = (face) => Boolean(face.track_id == null ? face.unsure : face.label_unsure);
export const sentence = (face, index) => {
  const label = labelOf(face);
  const value = percent(scoresOf(face)[label]);
  return `${nameOf(face, index)}: ${isUnsure(face) ? `unsure, perhaps ${label}` : label} ${value}`;
};
