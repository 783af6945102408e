// Talks to the server: the key, the errors, the requests.

let key = null;
let asking = null; // while the dialog is open, for all who wait for a key

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
  dialog.returnValue = ""; // Escape leaves it as it is
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "use") {
        reject(new ServerError("this server asks for a key; choose something, and it asks again", 401));
        return;
      }
      key = input.value.trim();
      resolve();
    }, { once: true });
  });
}

async function explained(answer) {
  if (answer.ok) return answer;
  // What the server itself refuses comes with a sentence; 413 without one is the word of something before it.
  let text = answer.status === 413
    ? "a proxy in front of the server takes no more at once (413); send less, or let it take more"
    : `the server answered ${answer.status}`;
  try { text = (await answer.json()).error ?? text; } catch { /* no sentence came with it */ }
  throw new ServerError(text, answer.status);
}

// The answer to what `send` sends, once the key is right.
async function withKey(send) {
  for (;;) {
    const used = key;
    const answer = await send();
    if (answer.status !== 401) return explained(answer);
    if (key !== used) continue; // somebody else was asked for it meanwhile
    asking ??= askForKey().finally(() => { asking = null; });
    await asking;
  }
}

const ask = (path, options = {}) => withKey(async () => {
  try {
    return await fetch(path, { ...options, headers: headers() });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("the server cannot be reached; is it still running?", 0);
  }
});

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

export const sendFilm = async (...given) => (await withKey(() => upload(...given))).json();

// As fetch does it; but only XMLHttpRequest tells how much has gone out.
function upload(file, query, onProgress, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted(); // while the key was asked for
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("video", file, file.name);
    request.open("POST", `v1/videos?${query}`);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => resolve(new Response(request.responseText, { status: request.status }));
    request.onerror = () => reject(new ServerError("the film could not be sent; the connection broke", 0));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

export const filmResult = async (id, after, signal) =>
  (await ask(`v1/videos/${id}/result?after=${after}`, { signal })).json();

// Nobody waits for this, so nobody is asked for a key. `keepalive`: the request outlives the page.
export const forgetFilm = (id, { keepalive = false } = {}) =>
  fetch(`v1/videos/${id}`, { method: "DELETE", keepalive, headers: headers() }).catch(() => {});

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
