// Talks to the server: the key, the errors, the requests.

let key = null;

export class ServerError extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

// A header holds bytes and is written as Latin-1: the key goes out as UTF-8.
const keyBytes = () => String.fromCharCode(...new TextEncoder().encode(key));
const headers = () => (key ? { Authorization: `Bearer ${keyBytes()}` } : {});

function askForKey() {
  const dialog = document.querySelector("#key-dialog");
  const input = document.querySelector("#key");
  input.value = "";
  document.querySelector("#key-title").textContent = key === null ? "This server asks for a key" : "That key is wrong";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => { key = input.value; resolve(); }, { once: true });
  });
}

async function explained(answer) {
  if (answer.ok) return answer;
  let text = `the server answered ${answer.status}`;
  try { text = (await answer.json()).error ?? text; } catch { /* no sentence came with it */ }
  throw new ServerError(text, answer.status);
}

async function ask(path, options = {}) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(path, { ...options, headers: headers() });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError("the server cannot be reached; is it still running?", 0);
    }
    if (answer.status !== 401) return explained(answer);
    await askForKey();
  }
}

export const getModels = async () => (await ask("v1/models")).json();

export async function analyze(files, query, signal) {
  const form = new FormData();
  for (const file of files) form.append("pictures", file, file.name);
  return (await ask(`v1/analyze?${query}`, { method: "POST", body: form, signal })).json();
}

export async function explain(file, query) {
  const form = new FormData();
  form.append("picture", file, file.name ?? "picture");
  return (await ask(`v1/explain?${query}`, { method: "POST", body: form })).json();
}

// Only XMLHttpRequest tells how much of an upload has gone out.
export function sendFilm(file, query, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("video", file, file.name);
    request.open("POST", `v1/videos?${query}`);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* no sentence came with it */ }
      if (request.status === 202) resolve(answer);
      else reject(new ServerError(answer.error ?? `the server answered ${request.status}`, request.status));
    };
    request.onerror = () => reject(new ServerError("the film could not be sent; the connection broke", 0));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

export const filmResult = async (id, after, signal) =>
  (await ask(`v1/videos/${id}/result?after=${after}`, { signal })).json();

// `keepalive`: the request outlives the page.
export const forgetFilm = (id, { keepalive = false } = {}) =>
  ask(`v1/videos/${id}`, { method: "DELETE", keepalive }).catch(() => {});

export function openLive(query) {
  const address = new URL(`v1/live?${query}`, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const protocols = ["mien"];
  if (key) {
    protocols.push(`key.${btoa(keyBytes()).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`);
  }
  const socket = new WebSocket(address, protocols);
  socket.binaryType = "arraybuffer";
  return socket;
}
