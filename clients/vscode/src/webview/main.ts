// The chat's page: shows the conversation, and says what the person wishes.
//
// Must never make HTML from text, keep anything, or open a connection. Runs in the editor's webview; chat/view.ts is
// at the other end.

import type { News, Shown, ShownTurn, Wish } from "../chat/messages";
import { append, button, element } from "./elements";
import { drawAnswer } from "./answer";

declare function acquireVsCodeApi(): { postMessage(wish: Wish): void };

const editor = acquireVsCodeApi();
const wish = (what: Wish): void => editor.postMessage(what);

const main = document.getElementById("chat") as HTMLElement;
const notice = element("div", { className: "notice", role: "alert" });
const log = element("div", { className: "log", role: "log", "aria-label": "Conversation" });
const progress = element("div", { className: "progress", role: "status" });
const chips = element("ul", { className: "chips", "aria-label": "Attached to the next question" });
const input = element("textarea", { rows: "3", "aria-label": "Question", placeholder: "Ask a model on this machine" });
const send = button("Send", "Send the question (Enter)", () => submit());
const stop = button("Stop", "Stop the answer (Escape)", () => wish({ kind: "stop" }));
const model = button("", "Choose the model", () => wish({ kind: "pick" }));
const attach = button("Attach file", "Attach a file to the next question", () => wish({ kind: "attachFile" }));
const selection = button("Attach selection", "Attach what is selected in the editor", () => wish({ kind: "attachSelection" }));
const locality = button("", "Check whether anything can leave this machine", () => wish({ kind: "locality" }));
const fault = element("div", { className: "fault", role: "alert" });

let state: Shown | undefined;
let answer: HTMLElement | undefined;

function build(): void {
  model.className = locality.className = "plain";
  const tools = element("div", { className: "tools" });
  const row = element("div", { className: "row" });
  const form = element("section", { className: "ask", "aria-label": "Ask" });
  append(tools, attach, selection, model);
  append(row, tools, stop, send);
  append(form, chips, input, row, locality);
  append(main, notice, log, progress, fault, form);
  input.addEventListener("keydown", onKey);
  window.addEventListener("message", ({ data }: MessageEvent<News>) => take(data));
  wish({ kind: "ready" });
}

function onKey(event: KeyboardEvent): void {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  } else if (event.key === "Escape" && state?.isAnswering) {
    wish({ kind: "stop" });
  }
}

function submit(): void {
  const text = input.value;
  if (!text.trim() || state?.isAnswering) return;
  input.value = "";
  fault.textContent = "";
  wish({ kind: "ask", text });
}

function take(news: News): void {
  switch (news.kind) {
    case "state":
      return draw(news.state);
    case "delta":
      return grow(news.text, news.reasoning);
    case "progress":
      progress.textContent = news.text;
      return;
    case "draft":
      input.value = news.text;
      return;
    case "fault":
      fault.textContent = news.text;
  }
}

function draw(next: Shown): void {
  const stays = isAtEnd();
  state = next;
  log.replaceChildren(...next.turns.map(drawTurn), ...(next.turns.length ? [] : [welcome()]));
  answer = next.isAnswering ? (log.lastElementChild as HTMLElement) : undefined;
  log.setAttribute("aria-busy", String(next.isAnswering));
  chips.replaceChildren(...next.attached.map(drawChip));
  model.textContent = next.model || "the daemon's model";
  locality.textContent = next.locality;
  progress.textContent = next.isAnswering ? "asking" : "";
  stop.hidden = !next.isAnswering;
  send.hidden = next.isAnswering;
  drawNotice(next);
  if (stays) scrollToEnd();
}

/** Text that came for the last answer. */
function grow(text: string, reasoning: string): void {
  const turn = state?.turns.at(-1);
  if (!state || !turn || !answer) return;
  const stays = isAtEnd();
  progress.textContent = "";
  const grown: ShownTurn = { ...turn, text: turn.text + text, reasoning: turn.reasoning + reasoning };
  state = { ...state, turns: [...state.turns.slice(0, -1), grown] };
  const drawn = drawTurn(grown);
  answer.replaceWith(drawn);
  answer = drawn;
  if (stays) scrollToEnd();
}

function drawTurn(turn: ShownTurn): HTMLElement {
  const isUser = turn.role === "user";
  const who = isUser ? "You" : "Answer";
  const article = element("article", { className: turn.role, "aria-label": who });
  const head = element("h2", {});
  head.textContent = who;
  append(article, head);
  if (isUser) {
    const text = element("p", { className: "asked" });
    text.textContent = turn.text;
    const names = turn.attachments.map((name) => Object.assign(element("li", {}), { textContent: name }));
    const list = element("ul", { className: "chips", "aria-label": "Attached" });
    append(list, ...names);
    append(article, text, ...(names.length ? [list] : []));
  } else {
    append(article, ...drawAnswer(turn, wish));
  }
  return article;
}

function drawChip(name: string): HTMLElement {
  const chip = element("li", {});
  chip.textContent = name;
  append(chip, button("×", `Do not attach ${name}`, () => wish({ kind: "detach", name })));
  return chip;
}

function drawNotice({ obstacle, status }: Shown): void {
  notice.hidden = obstacle === "";
  const text = element("p", {});
  text.textContent = status;
  const start = button("Start the daemon", "Start the daemon in a terminal", () => wish({ kind: "start" }));
  const help = button("Get started", "Show how to install and start hob", () => wish({ kind: "walkthrough" }));
  notice.replaceChildren(text, ...(obstacle === "down" ? [start, help] : obstacle === "missing" ? [help] : []));
}

function welcome(): HTMLElement {
  const text = element("p", { className: "welcome" });
  text.textContent = "Ask about code, or anything else. The model runs on this machine, and the conversation is kept in memory alone.";
  return text;
}

const isAtEnd = (): boolean => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
const scrollToEnd = (): void => log.scrollTo({ top: log.scrollHeight });

build();
