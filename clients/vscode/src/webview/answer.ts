// One answer as elements: what the model thought, what it said as Markdown, and what can be done with its code.
//
// Must never follow a link or load anything: a link is shown with where it would lead. Called by main.ts.

// The gateway's page has the same renderer, with tests of its own; there is one of it.
import { render } from "../../../hob_gateway/web/markdown.js";
import type { ShownTurn, Wish } from "../chat/messages";
import { append, button, element } from "./elements";

export function drawAnswer(turn: ShownTurn, wish: (what: Wish) => void): Node[] {
  const nodes: Node[] = [];
  if (turn.reasoning) nodes.push(thoughts(turn.reasoning));
  const body = element("div", { className: "said" });
  append(body, render(turn.text) as Node);
  body.querySelectorAll("a").forEach(disarm);
  body.querySelectorAll("pre").forEach((pre) => addTools(pre, wish));
  nodes.push(body);
  if (turn.note) nodes.push(Object.assign(element("p", { className: "note" }), { textContent: turn.note }));
  return nodes;
}

function thoughts(text: string): HTMLElement {
  const details = element("details", { className: "thoughts" });
  const summary = element("summary", {});
  summary.textContent = "Thoughts";
  const body = element("p", {});
  body.textContent = text;
  append(details, summary, body);
  return details;
}

/** A model may be made to write a link that carries what it has read: who wants to go there copies it. */
function disarm(link: HTMLAnchorElement): void {
  const target = link.title;
  const shown = element("span", { className: "link" });
  shown.textContent = link.textContent === target ? target : `${link.textContent ?? ""} (${target})`;
  link.replaceWith(shown);
}

function addTools(pre: HTMLElement, wish: (what: Wish) => void): void {
  const text = pre.textContent ?? "";
  const frame = element("div", { className: "code" });
  const bar = element("div", { className: "bar" });
  const language = element("span", {});
  language.textContent = pre.dataset["language"] ?? "";
  const copy = button("Copy", "Copy this code", () => wish({ kind: "copy", text }));
  const insert = button("Insert", "Insert this code at the cursor", () => wish({ kind: "insert", text }));
  append(bar, language, copy, insert);
  pre.replaceWith(frame);
  append(frame, bar, pre);
}
