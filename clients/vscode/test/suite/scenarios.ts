// What the extension must do in a real editor with a real daemon, whose workers compute nonsense.
//
// Must wait for conditions, never for time. Called by index.ts.

import * as assert from "assert";
import * as vscode from "vscode";
import type { Insides } from "../../src/extension";

async function insides(): Promise<Insides> {
  const extension = vscode.extensions.getExtension<Insides>("hob.hob");
  assert.ok(extension, "the extension is not installed");
  return extension.activate();
}

async function until<T>(look: () => T | undefined | false | Promise<T | undefined | false>, what: string): Promise<T> {
  for (let tries = 0; tries < 600; tries += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not seen: ${what}`);
}

async function open(text: string, language = "python"): Promise<vscode.TextEditor> {
  const document = await vscode.workspace.openTextDocument({ content: text, language });
  return vscode.window.showTextDocument(document);
}

async function openFile(name: string): Promise<vscode.TextEditor> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(folder);
  return vscode.window.showTextDocument(vscode.Uri.joinPath(folder.uri, name));
}

const run = (command: string, ...given: unknown[]): Thenable<unknown> => vscode.commands.executeCommand(command, ...given);

export const scenarios: readonly (readonly [string, () => Promise<void>])[] = [
  ["finds the daemon and says so", async () => {
    const { statusBar, watcher } = await insides();
    await until(() => watcher.reached.kind === "up", "the daemon");
    assert.match(statusBar.text, /hob|tiny/);
  }],
  ["answers in the chat", async () => {
    const { controller } = await insides();
    await run("hob.chat");
    await controller.ask("Say something.");
    const last = controller.conversation.turns.at(-1);
    assert.ok(last && last.role === "assistant" && last.text.length > 0, JSON.stringify(last));
  }],
  ["shows the model that answered in the status bar", async () => {
    const { statusBar } = await insides();
    await until(() => statusBar.text.includes("$(flame) tiny"), `the model in ${statusBar.text}`);
  }],
  ["stops an answer and begins anew", async () => {
    const { controller } = await insides();
    const asked = controller.ask("Say something long.");
    await run("hob.stop");
    await asked;
    assert.equal(controller.isAnswering, false);
    await run("hob.newChat");
    assert.equal(controller.conversation.turns.length, 0);
  }],
  ["explains a selection with its place and text", async () => {
    const { controller } = await insides();
    const editor = await openFile("sum.py");
    editor.selection = new vscode.Selection(0, 0, 1, 0);
    await run("hob.explain");
    const [question] = controller.conversation.turns;
    assert.deepEqual(question?.attachments.map(({ name, language }) => [name, language]), [["sum.py:1-2", "python"]]);
    await run("hob.newChat");
  }],
  ["attaches no secret and no ignored file", async () => {
    const { controller } = await insides();
    for (const name of [".env", "ignored.txt"]) {
      const [folder] = vscode.workspace.workspaceFolders ?? [];
      void run("hob.attachFile", vscode.Uri.joinPath(folder!.uri, name)); // its message waits for a person
      await openFile(name);
      void run("hob.attachSelection");
    }
    const editor = await openFile("sum.py");
    editor.selection = new vscode.Selection(0, 0, 0, 0);
    await run("hob.attachSelection");
    assert.deepEqual(controller.conversation.attached.map(({ name }) => name), ["sum.py"]);
    await run("hob.newChat");
  }],
  ["completes through the language server", async () => {
    const { languageServer } = await insides();
    await until(() => languageServer.isRunning, "the language server");
    const editor = await open("def add(a, b):\n    ");
    editor.selection = new vscode.Selection(1, 4, 1, 4);
    await until(async () => {
      await run("editor.action.inlineSuggest.trigger");
      await new Promise((resolve) => setTimeout(resolve, 200));
      await run("editor.action.inlineSuggest.commit");
      return editor.document.getText().includes("return a + b");
    }, "the completion in the text");
  }],
  ["passes on what the language server says of itself", async () => {
    const { languageServer } = await insides();
    await until(() => languageServer.standing === "ready (stand-in)", `ready, not ${languageServer.standing}`);
  }],
  ["ends the language server when completions are turned off", async () => {
    const { languageServer } = await insides();
    await run("hob.toggleCompletions");
    await until(() => !languageServer.isRunning && languageServer.standing === "", "its end");
    await run("hob.toggleCompletions");
    await until(() => languageServer.isRunning, "its return");
  }],
  ["tells what was found when the walls were tried", async () => {
    const { shown, statusBar } = await insides();
    await run("hob.locality");
    assert.match(shown().locality, /Nothing can leave by way of hob|Not every way out|could not be checked/);
    assert.match(statusBar.text, /\$\((un)?lock\)/);
  }],
  ["shows the status as text", async () => {
    await run("hob.showStatus");
    const text = vscode.window.activeTextEditor?.document.getText() ?? "";
    assert.match(text, /socket .*hob\.sock/);
    assert.match(text, /confinement/);
  }],
  ["offers the daemon's models to the editor's chat", async () => {
    const { provider } = await insides();
    const [tiny] = await provider.provideLanguageModelChatInformation();
    assert.ok(tiny);
    assert.equal(tiny.id, "tiny");
    const parts: string[] = [];
    const token = new vscode.CancellationTokenSource().token;
    const asked = [{ role: 1, content: [new vscode.LanguageModelTextPart("Hello")] }];
    await provider.provideLanguageModelChatResponse(tiny, asked, {}, { report: (part) => parts.push(String((part as { value?: string }).value)) }, token);
    assert.ok(parts.join("").length > 0);
  }],
];
