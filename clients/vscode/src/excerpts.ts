// What of the editor a person attaches: the selection, or a file that they name.
//
// Must never take anything that nobody asked for, and refuses what attachments.ts refuses. Called by commands.ts.

import * as vscode from "vscode";
import { excerpt, readAttachment } from "./attachments";
import type { Excerpt } from "./prompts";

const MAX_PROBLEMS = 5;

/** What is selected, or the whole text if nothing is; undefined where no editor is open. */
export async function selected(editor = vscode.window.activeTextEditor ?? vscode.window.visibleTextEditors[0]): Promise<Excerpt | undefined> {
  if (!editor) return undefined;
  const { document, selection } = editor;
  const range = selection.isEmpty ? undefined : selection;
  const path = document.uri.scheme === "file" ? document.uri.fsPath : undefined;
  const lines = range ? `:${range.start.line + 1}-${range.end.line + 1}` : "";
  const found = await excerpt(path, nameOf(document.uri) + lines, document.languageId, document.getText(range));
  return { ...found, problems: problems(document.uri, range) };
}

export function file(uri: vscode.Uri): Promise<Excerpt> {
  if (uri.scheme !== "file") throw new Error(`${nameOf(uri)} lies on no disk; open it, and attach a selection`);
  return readAttachment(uri.fsPath, nameOf(uri), languageOf(uri));
}

/** Asks for files; none where the person goes away. */
export async function askForFiles(): Promise<readonly vscode.Uri[]> {
  const title = "hob: attach files to the next question";
  return (await vscode.window.showOpenDialog({ canSelectMany: true, openLabel: "Attach", title })) ?? [];
}

function nameOf(uri: vscode.Uri): string {
  const path = vscode.workspace.asRelativePath(uri, false);
  return path.startsWith("/") ? (path.split("/").at(-1) ?? path) : path; // nothing of what is outside the workspace
}

function languageOf(uri: vscode.Uri): string {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  return open?.languageId ?? uri.path.split(".").at(-1) ?? "";
}

function problems(uri: vscode.Uri, range: vscode.Range | undefined): string[] {
  const found = vscode.languages.getDiagnostics(uri).filter((each) => !range || range.intersection(each.range));
  return found.slice(0, MAX_PROBLEMS).map((each) => each.message.slice(0, 200));
}
