// The page: a conversation in memory, and what is done to it. Nothing is kept, and nothing is loaded from elsewhere.

import { House, Refused } from "/web/chat.js";
import { render } from "/web/markdown.js";

const $ = (id) => document.getElementById(id);
const NUMBERS = ["temperature", "top_p", "max_tokens", "seed"];
const WATCH_MS = 2000;
const turns = []; // {role, text, thought, files, note, failed}
let house = null; // once a token was good
let asking = null; // AbortController of the answer under way
let attached = []; // {name, url}

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
    const images = (turn.files ?? []).map((file) => ({ type: "image_url", image_url: { url: file.url } }));
    const content = images.length ? [...images, { type: "text", text: turn.text }] : turn.text;
    messages.push({ role: turn.role, content });
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

function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

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
  for (const file of turn.files ?? []) li.append(make("img", { src: file.url, alt: file.name }));
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

function actions(turn, index, isLast) {
  const row = make("div", { className: "actions" });
  const button = (name, act) => row.append(make("button", { type: "button", textContent: name, onclick: act }));
  if (turn.role === "user") button("Edit", () => edit(index));
  else if (!asking) {
    button("Copy", () => navigator.clipboard?.writeText(turn.text));
    if (isLast) button("Regenerate", regenerate);
  }
  if (turn.note) row.append(make("span", { className: turn.failed ? "error" : "quiet", textContent: turn.note }));
  return row;
}

function drawFiles() {
  const remove = (file) => () => {
    attached = attached.filter((other) => other !== file);
    drawFiles();
  };
  const items = attached.map((file) =>
    make("li", {}, `${file.name} `, make("button", { type: "button", textContent: "Remove", onclick: remove(file) })));
  $("files").replaceChildren(...items);
}

// ------------------------------------------------------------- the house

const gib = (bytes) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

async function watch() {
  try {
    if (!document.hidden) drawHouse(await house.get("/hob/status"));
  } catch (error) {
    $("memory").textContent = error.message;
  }
  setTimeout(watch, WATCH_MS);
}

function drawHouse(told) {
  $("memory").replaceChildren(...told.memory.map((device) => {
    const used = device.budget_bytes - device.free_bytes;
    const words = `${device.device}: ${gib(used)} of ${gib(device.budget_bytes)}`;
    const meter = make("meter", { min: 0, max: device.budget_bytes, value: used, high: device.budget_bytes * 0.9, textContent: words });
    meter.setAttribute("aria-label", words);
    return make("p", {}, words, make("br"), meter);
  }));
  const residents = told.residents.map((one) => {
    const cells = one.total_cells ? `, context ${Math.round((100 * one.used_cells) / one.total_cells)} % full` : "";
    const work = one.num_running ? `${one.num_running} running, ${one.num_queued} waiting` : "idle";
    return make("li", {}, make("strong", { textContent: one.model }), make("br"),
      `${one.residency}${one.pinned ? ", pinned" : ""}: ${work}`, make("br"), `${gib(one.resident_bytes)}${cells}`);
  });
  const loading = told.loading.map((name) => make("li", {}, `${name}: loading`));
  const none = make("li", { className: "quiet", textContent: "No model; the first question loads one." });
  $("residents").replaceChildren(...(residents.length + loading.length ? [...residents, ...loading] : [none]));
  const walls = [["Daemon", told.confinement.daemon], ["Gateway", told.confinement.gateway]];
  for (const one of told.residents) walls.push([one.model, one.sandbox]);
  $("walls").replaceChildren(...walls.flatMap(([who, what]) =>
    [make("dt", { textContent: who }), make("dd", { textContent: what })]));
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
  if (event.key === "Escape") asking?.abort();
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
  for (const file of $("attach").files) attached.push({ name: file.name, url: await dataUrl(file) });
  $("attach").value = "";
  drawFiles();
});
$("export").addEventListener("click", () => {
  const text = turns.map((turn) => `## ${turn.role}\n\n${turn.text}\n`).join("\n");
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  make("a", { href: url, download: "conversation.md" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
});

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
