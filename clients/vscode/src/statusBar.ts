// The item in the status bar: the daemon's state, who is in memory, and what was found when locality was checked.
//
// Must never say that nothing leaves unless it has just been checked; then it says when. Called by extension.ts.

import * as vscode from "vscode";
import type { Locality } from "./locality";
import * as settings from "./settings";
import { glance, type Glance, type Reached } from "./state";

export class StatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem("hob.status", vscode.StatusBarAlignment.Right, 90);
  #reached: Reached = { kind: "unknown" };
  #locality: Locality | undefined;
  #completions = "";

  constructor() {
    this.#item.name = "hob";
    this.#item.command = "hob.showStatus";
    this.#draw();
    this.#item.show();
  }

  get text(): string {
    return this.#item.text;
  }

  show(reached: Reached): void {
    // What was checked was checked of the daemon that was there.
    if (!["up", "shy"].includes(reached.kind)) this.#locality = undefined;
    this.#reached = reached;
    this.#draw();
  }

  showLocality(locality: Locality): void {
    this.#locality = locality;
    this.#draw();
  }

  /** What the language server says of itself; empty for nothing. */
  showCompletions(text: string): void {
    this.#completions = text;
    this.#draw();
  }

  redraw(): void {
    this.#draw();
  }

  dispose(): void {
    this.#item.dispose();
  }

  #draw(): void {
    const now = glance(this.#reached, settings.model());
    const checked = this.#locality ? (this.#locality.isClean ? " $(lock)" : " $(unlock)") : "";
    this.#item.text = now.text + checked;
    const completions = settings.wantsCompletions() ? this.#completions : "off";
    this.#item.tooltip = tooltip(now, completions, this.#locality);
    this.#item.accessibilityInformation = { label: this.#locality ? `${now.spoken}. ${this.#locality.headline}` : now.spoken, role: "button" };
    const background = new vscode.ThemeColor("statusBarItem.warningBackground");
    const isOpen = this.#locality !== undefined && !this.#locality.isClean;
    this.#item.backgroundColor = now.isTrouble || isOpen ? background : undefined;
  }
}

function tooltip(now: Glance, completions: string, locality: Locality | undefined): vscode.MarkdownString {
  const text = new vscode.MarkdownString(undefined, true);
  text.isTrusted = { enabledCommands: ["hob.locality", "hob.pickModel", "hob.chat", "hob.toggleCompletions", "hob.startDaemon", "hob.walkthrough"] };
  text.appendMarkdown("**hob**\n\n");
  for (const line of now.lines) text.appendText(line).appendMarkdown("\n\n");
  if (completions) text.appendText(`Completions: ${completions}`).appendMarkdown("\n\n");
  const said = locality?.headline ?? "Whether anything can leave this machine has not been checked yet";
  text.appendText(`${said}.`).appendMarkdown("\n\n---\n\n");
  const trouble = "[Start the daemon](command:hob.startDaemon) · [Get started](command:hob.walkthrough)";
  const usual = "[Chat](command:hob.chat) · [Model](command:hob.pickModel) · [Completions on or off](command:hob.toggleCompletions) · [Check locality](command:hob.locality)";
  return text.appendMarkdown(now.isTrouble ? trouble : usual);
}
