// What the user has configured, read when it is asked for.
//
// Must never take a program or a socket from a folder: those two have machine scope. Called by everything.

import * as vscode from "vscode";
import type { Terms } from "./chat/conversation";

const section = (): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration("hob");

export const socket = (): string => section().get<string>("socket", "");
export const model = (): string => section().get<string>("model", "");
export const mayStartDaemon = (): boolean => section().get<boolean>("startDaemon", true);
export const wantsCompletions = (): boolean => section().get<boolean>("completions.enable", true);

/** The program, and the arguments that go before all others. */
export function command(): readonly [string, ...string[]] {
  const [program = "hob", ...first] = section().get<string[]>("command", ["hob"]);
  return [program || "hob", ...first];
}

export function chatTerms(): Terms {
  const chat = section();
  return {
    model: model(),
    systemPrompt: chat.get<string>("chat.systemPrompt", ""),
    maxTokens: chat.get<number>("chat.maxTokens", 2048),
    temperature: chat.get<number | null>("chat.temperature", null) ?? undefined,
    incognito: chat.get<boolean>("chat.incognito", false),
  };
}

/** In the words of `hob lsp`. */
export function languageServer(): Record<string, unknown> {
  const completions = section();
  return {
    enabled: wantsCompletions(),
    model: completions.get("completions.model", ""),
    debounceMs: completions.get("completions.debounceMs", 150),
    maxTokens: completions.get("completions.maxTokens", 64),
    multiLine: completions.get("completions.multiLine", "auto"),
    context: completions.get("completions.context", true),
    contextCharacters: completions.get("completions.contextCharacters", 6000),
    filetypes: completions.get("completions.languages", {}),
  };
}

/** For all windows of this user, as the one who chose it means it. */
export async function setModel(name: string): Promise<void> {
  await section().update("model", name, vscode.ConfigurationTarget.Global);
}

export async function setCompletions(isOn: boolean): Promise<void> {
  await section().update("completions.enable", isOn, vscode.ConfigurationTarget.Global);
}
