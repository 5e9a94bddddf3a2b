// The page: a conversation in memory, and what is done to it. Nothing is kept, and nothing is loaded from elsewhere.

import { House, Refused } from "/web/chat.js";
import { content, MAX_FILES, read } from "/web/files.js";
import { drawAttest, drawFailure, drawHouse, drawWires, openView } from "/web/house.js";
import { $, button, make } from "/web/made.js";
import { render } from "/web/markdown.js";

const NUMBERS = ["temperature", "top_p", "max_tokens", "seed"];
const WATCH_MS = 2000;
const turns = []; // {role, text, thought, files, note, failed}
let house = null; // once a token was good
let asking = null; // AbortController of the answer under way
let attached = []; // {name, url} or {name, text}

// ------------------------------------------------------------- opening

async function open(token) {
  const opened = new House(token);
  const models = (await opened.get("/v1/models")).data;
  house = opened;
  $("model").replaceChildren(...models.map((model) => new Option(model.id, model.id)));
  $("model").disabled = !models.length;
  for (const id of ["ask", "house"]) $(id).hidden = false;
  $("login").hidden = true;
  $("prompt").focus();
  watch();
}

async function login(token) {
  $("login-error").textContent = "";
  try {
    await open(token);
  } catch (error) {
    $("login").hidden = false;
    $("login-error").textContent = error.message;
    $("token").focus();
  }
}

// A token behind the # is never sent to a server, and is taken off the address at once.
function begin() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    history.replaceState(null, "", "/");
    login(given);
  } else if (!house) {
    $("login").hidden = false;
    $("token").focus();
  }
}

addEventListener("hashchange", begin);
begin();
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  login($("token").value.trim());
  $("token").value = "";
});

// ------------------------------------------------------------- talking

function request() {
  const system = $("system").value.trim();
  const messages = system ? [{ role: "system", content: system }] : [];
  for (const turn of turns) {
    if (turn.role === "assistant" && !turn.text) continue;
    messages.push({ role: turn.role, content: content(turn) });
  }
  const asked = { model: $("model").value, messages };
  for (const name of NUMBERS) if ($(name).value !== "") asked[name] = Number($(name).value);
  return asked;
}

async function answer() {
  const asked = request();
  const turn = { role: "assistant", text: "", thought: "", note: "", failed: false };
  turns.push(turn);
  asking = new AbortController();
  const began = performance.now();
  draw();
  try {
    const end = await house.chat(asked, (delta) => tell(turn, delta), asking.signal);
    const seconds = (performance.now() - began) / 1000;
    const count = end.usage?.completion_tokens ?? 0;
    turn.note = `${count} tokens, ${(count / seconds).toFixed(1)} a second` + (end.reason === "length" ? "; cut off" : "");
    $("said").textContent = "Answer complete.";
  } catch (error) {
    turn.failed = error.name !== "AbortError";
    turn.note = turn.failed ? error.message : "stopped";
    $("said").textContent = turn.note;
    if (error instanceof Refused && error.status === 401) $("login").hidden = false;
  }
  asking = null;
  draw();
}

// Many pieces may come within one frame; the screen needs only the last state of it.
let isDue = false;
function tell(turn, delta) {
  turn.text += delta.content ?? "";
  turn.thought += delta.reasoning_content ?? "";
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    const isAtEnd = innerHeight + scrollY >= document.body.scrollHeight - 120;
    $("talk").lastElementChild?.replaceWith(element(turn, turns.length - 1));
    if (isAtEnd) scrollTo(0, document.body.scrollHeight);
  });
}

function send() {
  const text = $("prompt").value.trim();
  if (!house || asking || (!text && !attached.length)) return;
  turns.push({ role: "user", text, files: attached });
  attached = [];
  $("prompt").value = "";
  drawFiles();
  answer();
}

function regenerate() {
  if (asking) return;
  while (turns.at(-1)?.role === "assistant") turns.pop();
  if (turns.length) answer();
}

function edit(index) {
  if (asking) return;
  $("prompt").value = turns[index].text;
  attached = turns[index].files ?? [];
  turns.length = index;
  draw();
  drawFiles();
  $("prompt").focus();
}

// ------------------------------------------------------------- drawing

function draw() {
  $("talk").replaceChildren(...turns.map(element));
  $("stop").hidden = !asking;
  $("send").hidden = Boolean(asking);
  scrollTo(0, document.body.scrollHeight);
}

function element(turn, index) {
  const isLast = index === turns.length - 1;
  const li = make("li", { className: `turn ${turn.role}` }, make("h3", { textContent: turn.role === "user" ? "You" : "Model" }));
  if (asking && isLast) li.classList.add("busy");
  for (const file of turn.files ?? []) li.append(shown(file));
  if (turn.thought) {
    const body = make("div", { className: "text plain", textContent: turn.thought });
    li.append(make("details", { className: "thought", open: !turn.text }, make("summary", { textContent: "Thoughts" }), body));
  }
  const isPlain = turn.role === "user";
  const text = make("div", { className: isPlain ? "text plain" : "text" });
  text.append(isPlain ? turn.text : render(turn.text));
  li.append(text, actions(turn, index, isLast));
  return li;
}

function shown(file) {
  if (file.url) return make("img", { src: file.url, alt: file.name });
  return make("details", { className: "file" }, make("summary", { textContent: file.name }), make("pre", { textContent: file.text }));
}

function actions(turn, index, isLast) {
  const row = make("div", { className: "actions" });
  if (asking) {
    if (turn.note) row.append(make("span", { className: "quiet", textContent: turn.note }));
    return row;
  }
  if (turn.role === "user") row.append(button("Edit", () => edit(index)));
  else {
    row.append(button("Copy", () => navigator.clipboard?.writeText(turn.text)));
    if (isLast) row.append(button("Regenerate", regenerate));
  }
  if (turn.note) row.append(make("span", { className: turn.failed ? "error" : "quiet", textContent: turn.note }));
  return row;
}

function drawFiles() {
  const remove = (file) => () => {
    attached = attached.filter((other) => other !== file);
    drawFiles();
  };
  const items = attached.map((file) => {
    const made = button("Remove", remove(file));
    made.setAttribute("aria-label", `Remove ${file.name}`);
    return make("li", {}, `${file.name} `, made);
  });
  $("files").replaceChildren(...items);
}

async function attach(files) {
  $("files-error").textContent = "";
  for (const file of files) {
    try {
      if (attached.length >= MAX_FILES) throw new Error(`A message has at most ${MAX_FILES} files; send some first.`);
      attached.push(await read(file));
    } catch (error) {
      $("files-error").textContent = error.message;
    }
  }
  drawFiles();
}

// ------------------------------------------------------------- the house

async function watch() {
  try {
    if (!document.hidden) drawHouse(await house.get("/hob/status"));
  } catch (error) {
    $("memory").textContent = error.message;
  }
  setTimeout(watch, WATCH_MS);
}

async function view(title, path, drawn) {
  openView(title);
  try {
    drawn(await house.get(path));
  } catch (error) {
    drawFailure(error);
  }
}

function written(turn) {
  const names = (turn.files ?? []).map((file) => file.name);
  return names.length ? `(with ${names.join(", ")})\n\n${turn.text}` : turn.text;
}

// ------------------------------------------------------------- hands

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  } else if (event.key === "ArrowUp" && !$("prompt").value && !asking) {
    const last = turns.findLastIndex((turn) => turn.role === "user");
    if (last >= 0) edit(last);
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("view").open) asking?.abort();
  if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    $("prompt").focus();
  }
});
$("stop").addEventListener("click", () => asking?.abort());
$("show-settings").addEventListener("click", () => {
  $("settings").hidden = !$("settings").hidden;
  $("show-settings").setAttribute("aria-expanded", String(!$("settings").hidden));
});
$("clear").addEventListener("click", () => {
  asking?.abort();
  turns.length = 0;
  draw();
  $("prompt").focus();
});
$("attach").addEventListener("change", async () => {
  const files = [...$("attach").files];
  $("attach").value = "";
  await attach(files);
});
$("prompt").addEventListener("paste", (event) => {
  if (!event.clipboardData.files.length) return; // text goes where it always goes
  event.preventDefault();
  attach([...event.clipboardData.files]);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault(); // else the browser would leave the page for the file
  if (house) attach([...event.dataTransfer.files]);
});
$("show-wires").addEventListener("click", () => view("What could touch a network", "/hob/wires", drawWires));
$("show-attest").addEventListener("click", () => view("Whether the walls stand", "/hob/attest", drawAttest));
$("view-close").addEventListener("click", () => $("view").close());
$("export").addEventListener("click", () => {
  const text = turns.map((turn) => `## ${turn.role}\n\n${written(turn)}\n`).join("\n");
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  make("a", { href: url, download: "conversation.md" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
});
