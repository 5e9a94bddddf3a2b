// The chat's view: the page, what it wishes for, and what it is shown.
//
// Must never act on a message that is no wish, and never put text into HTML. Called by extension.ts.

import { randomBytes } from "crypto";
import * as vscode from "vscode";
import type { ChatController } from "./controller";
import { readWish, type News, type Shown, type Wish } from "./messages";
import { page } from "./page";

export class ChatView implements vscode.WebviewViewProvider {
  static readonly id = "hob.chatView";
  #view: vscode.WebviewView | undefined;
  #pending: News[] = [];
  #isReady = false;
  #told = "";

  constructor(
    private readonly extension: vscode.Uri,
    private readonly controller: () => ChatController,
    private readonly shown: () => Shown,
  ) {}

  resolveWebviewView(view: vscode.WebviewView): void {
    this.#view = view;
    this.#isReady = false;
    const root = vscode.Uri.joinPath(this.extension, "dist");
    view.webview.options = { enableScripts: true, localResourceRoots: [root], enableForms: false };
    view.webview.onDidReceiveMessage((message: unknown) => {
      const wish = readWish(message);
      if (wish) void this.#grant(wish);
    });
    view.onDidDispose(() => (this.#view = undefined));
    view.webview.html = page({
      script: view.webview.asWebviewUri(vscode.Uri.joinPath(root, "chat.js")).toString(),
      style: view.webview.asWebviewUri(vscode.Uri.joinPath(root, "chat.css")).toString(),
      source: view.webview.cspSource,
      nonce: randomBytes(18).toString("base64url"),
    });
  }

  /** Opens the view and puts the cursor into it. */
  async reveal(): Promise<void> {
    await vscode.commands.executeCommand(`${ChatView.id}.focus`);
  }

  /** Shows what has changed; what has not is not drawn again under somebody's hands. */
  refresh(): void {
    if (!this.#isReady) return;
    const state = this.shown();
    const told = JSON.stringify(state);
    if (told === this.#told) return;
    this.#told = told;
    this.tell({ kind: "state", state });
  }

  tell(news: News): void {
    if (this.#view && this.#isReady) void this.#view.webview.postMessage(news);
    else if (news.kind === "fault" || news.kind === "draft") this.#pending = [...this.#pending.slice(-3), news];
  }

  async #grant(wish: Wish): Promise<void> {
    switch (wish.kind) {
      case "ready":
        this.#isReady = true;
        this.#told = "";
        this.refresh();
        for (const news of this.#pending.splice(0)) this.tell(news);
        return;
      case "ask":
        return this.controller().ask(wish.text);
      case "detach":
        return this.controller().detach(wish.name);
      case "copy":
        return vscode.env.clipboard.writeText(wish.text);
      case "insert":
        return insertAtCursor(wish.text);
      default:
        await vscode.commands.executeCommand(COMMANDS[wish.kind]);
    }
  }
}

const COMMANDS = {
  stop: "hob.stop",
  new: "hob.newChat",
  pick: "hob.pickModel",
  attachFile: "hob.attachFile",
  attachSelection: "hob.attachSelection",
  start: "hob.startDaemon",
  walkthrough: "hob.walkthrough",
  locality: "hob.locality",
} as const;

/** In place of what is selected, as one step that can be undone. */
async function insertAtCursor(text: string): Promise<void> {
  const editor = vscode.window.activeTextEditor ?? vscode.window.visibleTextEditors[0];
  if (!editor) {
    void vscode.window.showWarningMessage("hob: no editor is open to insert into; open one.");
    return;
  }
  await editor.edit((edit) => editor.selections.forEach((selection) => edit.replace(selection, text)));
  await vscode.window.showTextDocument(editor.document, editor.viewColumn);
}
