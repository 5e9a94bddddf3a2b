// The extension: builds its parts, connects them, and takes them down.
//
// Must never reach anything but the daemon's socket and the `hob` program. Called by the editor.

import * as vscode from "vscode";
import { ChatController } from "./chat/controller";
import type { Shown } from "./chat/messages";
import { ChatView } from "./chat/view";
import { Commands, type Parts } from "./commands";
import { LanguageServer } from "./languageServer";
import { Provider, register } from "./models/provider";
import * as settings from "./settings";
import { glance } from "./state";
import { StatusBar } from "./statusBar";
import { Watcher } from "./watcher";

/** For the tests in the editor; no interface for other extensions. */
export interface Insides extends Parts {
  readonly shown: () => Shown;
  readonly provider: Provider;
}

export function activate(context: vscode.ExtensionContext): Insides {
  const watcher = new Watcher();
  const statusBar = new StatusBar();
  const languageServer = new LanguageServer((standing) => statusBar.showCompletions(standing));
  const controller = new ChatController({
    daemon: () => watcher.daemon,
    terms: settings.chatTerms,
    changed: () => {
      void vscode.commands.executeCommand("setContext", "hob.answering", controller.isAnswering);
      view.refresh();
    },
    tell: (news) => view.tell(news),
  });
  const view = new ChatView(context.extensionUri, () => controller, () => shown());
  const provider = new Provider(() => watcher.daemon);
  const parts: Parts = { watcher, controller, view, statusBar, languageServer };
  const commands = new Commands(parts);
  const shown = (): Shown => show(parts, commands);

  const holding = { webviewOptions: { retainContextWhenHidden: true } };
  context.subscriptions.push(watcher, statusBar, languageServer, commands.register());
  context.subscriptions.push(vscode.window.registerWebviewViewProvider(ChatView.id, view, holding));
  context.subscriptions.push(watcher.onDidChange((reached) => {
    if (!["up", "shy"].includes(reached.kind)) commands.forgetLocality();
    statusBar.show(reached);
    view.refresh();
    provider.refresh();
  }));
  context.subscriptions.push(vscode.workspace.onDidChangeConfiguration((change) => onConfigured(change, parts)));
  const registered = register(provider);
  if (registered) context.subscriptions.push(registered);
  watcher.start();
  void languageServer.follow();
  return { ...parts, shown, provider };
}

function onConfigured(change: vscode.ConfigurationChangeEvent, { watcher, statusBar, view, languageServer }: Parts): void {
  if (!change.affectsConfiguration("hob")) return;
  const isElsewhere = ["hob.socket", "hob.command", "hob.startDaemon"].some((key) => change.affectsConfiguration(key));
  if (isElsewhere) watcher.lookAgain();
  void (isElsewhere ? languageServer.restart() : languageServer.follow());
  statusBar.redraw();
  view.refresh();
}

function show({ watcher, controller }: Parts, commands: Commands): Shown {
  controller.flush();
  const { reached } = watcher;
  const now = glance(reached, settings.model());
  const { turns, attached } = controller.conversation;
  return {
    turns: turns.map((turn) => ({ ...turn, attachments: turn.attachments.map(({ name }) => name) })),
    attached: attached.map(({ name }) => name),
    isAnswering: controller.isAnswering,
    model: settings.model(),
    status: now.lines[0] ?? now.spoken,
    obstacle: reached.kind === "missing" || reached.kind === "down" ? reached.kind : "",
    locality: commands.locality ? `${commands.locality.headline}.` : "Check that nothing leaves this machine",
  };
}
