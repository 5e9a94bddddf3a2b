// Choosing the chat's model, and bringing models in and out of memory.
//
// Must never load a model because it was chosen: the first question does. Called by commands.ts.

import * as vscode from "vscode";
import type { Daemon, Model } from "./daemon";
import * as settings from "./settings";
import { bytes } from "./state";

interface Item extends vscode.QuickPickItem {
  readonly model: string;
  readonly act?: "load" | "unload";
}

const LOAD: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon("arrow-down"), tooltip: "Bring it into memory now" };
const UNLOAD: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon("arrow-up"), tooltip: "Take it out of memory" };

/** Returns when the person has chosen, or gone away. */
export async function pickModel(daemon: Daemon): Promise<void> {
  const models = await daemon.models();
  const chosen = await choose(models, settings.model());
  if (!chosen) return;
  if (chosen.act === "load") await load(daemon, chosen.model);
  else if (chosen.act === "unload") await daemon.unload(chosen.model);
  else await settings.setModel(chosen.model);
}

function choose(models: readonly Model[], current: string): Promise<Item | undefined> {
  const picker = vscode.window.createQuickPick<Item>();
  const usual: Item = { label: "The daemon's default", model: "", description: current ? "" : "chosen" };
  picker.items = [usual, ...models.map((model) => toItem(model, current))];
  picker.title = "hob: choose the model of the chat";
  picker.placeholder = models.length ? "A model's name" : "There is no model; put a GGUF file into the models directory";
  picker.matchOnDescription = true;
  return new Promise((resolve) => {
    const end = (item: Item | undefined): void => {
      resolve(item);
      picker.hide();
    };
    picker.onDidAccept(() => end(picker.selectedItems[0]));
    picker.onDidTriggerItemButton(({ item, button }) => end({ ...item, act: button === UNLOAD ? "unload" : "load" }));
    picker.onDidHide(() => {
      resolve(undefined);
      picker.dispose();
    });
    picker.show();
  });
}

function toItem(model: Model, current: string): Item {
  const isIn = model.residency === "RESIDENCY_READY";
  const where = isIn ? "in memory" : model.residency === "RESIDENCY_LOADING" ? "loading" : bytes(model.file_bytes);
  const traits = [...model.aliases, model.projector && "sees or hears", model.pinned && "pinned", model.quarantined && "in quarantine"];
  return {
    label: `${isIn ? "$(flame)" : "$(circle-outline)"} ${model.name}`,
    description: model.name === current ? `${where}, chosen` : where,
    detail: traits.filter(Boolean).join(", "),
    model: model.name,
    buttons: [isIn ? UNLOAD : LOAD],
  };
}

async function load(daemon: Daemon, model: string): Promise<void> {
  const where = { location: vscode.ProgressLocation.Notification, title: `hob: loading ${model}`, cancellable: true };
  await vscode.window.withProgress(where, async (progress, token) => {
    const stop = new AbortController();
    token.onCancellationRequested(() => stop.abort());
    let shown = 0;
    for await (const { fraction } of daemon.load(model, stop.signal)) {
      progress.report({ increment: Math.max(0, fraction - shown) * 100 });
      shown = Math.max(shown, fraction);
    }
  });
}
