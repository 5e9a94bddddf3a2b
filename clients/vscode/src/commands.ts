// Every command of the extension: what it asks of whom. A failure is one sentence in a message.
//
// Must never do anything that the person did not ask for, nor send a file that is excluded. Called by extension.ts.

import * as vscode from "vscode";
import type { ChatController } from "./chat/controller";
import type { ChatView } from "./chat/view";
import * as excerpts from "./excerpts";
import { judge, type Locality } from "./locality";
import type { LanguageServer } from "./languageServer";
import { pickModel } from "./picker";
import { locate, quoteForShell } from "./program";
import { question, type Task } from "./prompts";
import { report } from "./report";
import * as settings from "./settings";
import type { StatusBar } from "./statusBar";
import type { Watcher } from "./watcher";

export interface Parts {
  readonly watcher: Watcher;
  readonly controller: ChatController;
  readonly view: ChatView;
  readonly statusBar: StatusBar;
  readonly languageServer: LanguageServer;
}

export const REPORT_SCHEME = "hob-status";

export class Commands implements vscode.TextDocumentContentProvider {
  #locality: Locality | undefined;
  #report = "";
  readonly #rewritten = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#rewritten.event;

  constructor(private readonly parts: Parts) {}

  get locality(): Locality | undefined {
    return this.#locality;
  }

  /** What was checked of a daemon says nothing of the next one. */
  forgetLocality(): void {
    this.#locality = undefined;
  }

  register(): vscode.Disposable {
    const { controller, view, watcher, languageServer } = this.parts;
    const about = (task: Task) => () => this.#about(task);
    const all: Record<string, (...given: never[]) => unknown> = {
      "hob.chat": () => view.reveal(),
      "hob.newChat": () => controller.startAnew(),
      "hob.ask": about("ask"),
      "hob.explain": about("explain"),
      "hob.fix": about("fix"),
      "hob.tests": about("tests"),
      "hob.attachSelection": about("ask"),
      "hob.attachFile": (uri?: vscode.Uri) => this.#attachFiles(uri),
      "hob.stop": () => controller.stop(),
      "hob.pickModel": () => pickModel(watcher.daemon),
      "hob.toggleCompletions": () => settings.setCompletions(!settings.wantsCompletions()),
      "hob.showStatus": () => this.#showStatus(),
      "hob.locality": () => this.#checkLocality(),
      "hob.doctor": () => runInTerminal("hob doctor", ["doctor"]),
      "hob.startDaemon": () => this.#startDaemon(),
      "hob.locateProgram": () => this.#locateProgram(),
      "hob.restartLanguageServer": () => languageServer.restart(),
      "hob.walkthrough": () => openWalkthrough(),
    };
    const commands = Object.entries(all).map(([id, act]) => vscode.commands.registerCommand(id, speaking(act)));
    return vscode.Disposable.from(...commands, vscode.workspace.registerTextDocumentContentProvider(REPORT_SCHEME, this));
  }

  provideTextDocumentContent(): string {
    return this.#report;
  }

  async #about(task: Task): Promise<void> {
    const { controller, view } = this.parts;
    const excerpt = await excerpts.selected();
    if (!excerpt) throw new Error("no editor is open to take a selection from; open one");
    controller.attach(excerpt);
    await view.reveal();
    if (task !== "ask") await controller.ask(question(task, excerpt));
  }

  async #attachFiles(uri?: vscode.Uri): Promise<void> {
    const uris = uri ? [uri] : await excerpts.askForFiles();
    for (const each of uris) this.parts.controller.attach(await excerpts.file(each));
    if (uris.length) await this.parts.view.reveal();
  }

  async #showStatus(): Promise<void> {
    const { watcher, languageServer } = this.parts;
    const { daemon } = watcher;
    const [status, trouble] = await daemon.status().then((found) => [found, ""] as const, (error: Error) => [undefined, error.message] as const);
    this.#report = report({ socket: daemon.socket, status, trouble, completions: languageServer.standing, locality: this.#locality });
    const uri = vscode.Uri.parse(`${REPORT_SCHEME}:hob status.txt`);
    this.#rewritten.fire(uri);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
  }

  /** Asks the daemon to try its walls, and tells what was found and when. */
  async #checkLocality(): Promise<Locality> {
    const { daemon } = this.parts.watcher;
    const where = { location: vscode.ProgressLocation.Notification, title: "hob: trying the walls" };
    const [attestation, wires] = await vscode.window.withProgress(where, () => Promise.allSettled([daemon.attest(), daemon.wires()]));
    const refusals = [attestation, wires].filter((each) => each.status === "rejected").map((each) => `${(each.reason as Error).message}.`);
    const at = new Date().toLocaleTimeString();
    this.#locality = judge(settled(attestation), settled(wires), [...new Set(refusals)], at);
    this.parts.statusBar.showLocality(this.#locality);
    this.parts.view.refresh();
    void this.#tellLocality(this.#locality);
    return this.#locality;
  }

  async #tellLocality({ headline, isClean }: Locality): Promise<void> {
    const show = isClean ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
    if (await show(`hob: ${headline}.`, "Show what was checked")) await this.#showStatus();
  }

  #startDaemon(): void {
    runInTerminal("hob", ["models"]);
    this.parts.watcher.lookAgain();
  }

  #locateProgram(): void {
    const [program] = settings.command();
    const found = locate(program);
    this.parts.watcher.lookAgain();
    void vscode.window.showInformationMessage(found ? `hob: ${found} is there.` : `hob: there is no program ${program}; install it, or name it in the setting hob.command.`);
  }
}

function settled<T>(result: PromiseSettledResult<T>): T | undefined {
  return result.status === "fulfilled" ? result.value : undefined;
}

/** The person sees what is run, and what comes of it. */
function runInTerminal(name: string, words: readonly string[]): void {
  const [program, ...first] = settings.command();
  const socket = settings.socket();
  const terminal = vscode.window.terminals.find((each) => each.name === name) ?? vscode.window.createTerminal({ name });
  terminal.show();
  terminal.sendText(quoteForShell([locate(program) ?? program, ...first, ...(socket ? ["--socket", socket] : []), ...words]));
}

async function openWalkthrough(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openWalkthrough", "hob.hob#start", false);
}

/** A command whose failure is told in a sentence, and is no error of the editor's. */
function speaking(act: (...given: never[]) => unknown): (...given: never[]) => Promise<unknown> {
  return async (...given) => {
    try {
      return await act(...given);
    } catch (error) {
      void vscode.window.showErrorMessage(`hob: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
}
