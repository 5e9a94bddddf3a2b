// The daemon's models as models of the editor's own chat, and of every extension that asks for one.
//
// Must never load a model to say that it is there. Registered only where the editor has the interface for it (1.104
// and later). Called by extension.ts.

import * as vscode from "vscode";
import type { Daemon, Model, ModelDetails } from "../daemon";
import { bytes } from "../state";
import { Calls, toRequest, type Asked, type OfferedTool } from "./messages";

export const VENDOR = "hob";
const USUAL_CONTEXT = 4_096;
const MAX_TOOLS = 128;

interface Information {
  readonly id: string;
  readonly name: string;
  readonly family: string;
  readonly version: string;
  readonly detail: string;
  readonly tooltip: string;
  readonly maxInputTokens: number;
  readonly maxOutputTokens: number;
  readonly capabilities: { readonly imageInput: boolean; readonly toolCalling: number };
}
interface Options {
  readonly tools?: readonly OfferedTool[] | undefined;
  readonly toolMode?: number;
}
type Part = vscode.LanguageModelTextPart | vscode.LanguageModelToolCallPart;

/** The editor's interface, as far as it is used; tsconfig.current.json holds it against today's. */
export interface Registry {
  registerLanguageModelChatProvider?(vendor: string, provider: Provider): vscode.Disposable;
}

/** Nothing where the editor is too old. */
export function register(provider: Provider, registry: Registry = (vscode as { lm?: Registry }).lm ?? {}): vscode.Disposable | undefined {
  return registry.registerLanguageModelChatProvider?.(VENDOR, provider);
}

export class Provider {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeLanguageModelChatInformation = this.#changed.event;

  constructor(private readonly daemon: () => Pick<Daemon, "models" | "model" | "chat" | "countTokens">) {}

  /** The models may be others now. */
  refresh(): void {
    this.#changed.fire();
  }

  /** None, where no daemon answers: the status bar says so. */
  async provideLanguageModelChatInformation(): Promise<Information[]> {
    const daemon = this.daemon();
    const models = await daemon.models().catch(() => []);
    const details = await Promise.all(models.map(({ name }) => daemon.model(name).catch(() => undefined)));
    return models.map((model, at) => describe(model, details[at])).filter((each) => each !== undefined);
  }

  async provideLanguageModelChatResponse(
    { id }: { readonly id: string },
    messages: readonly Asked[],
    options: Options,
    progress: vscode.Progress<Part>,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const stop = new AbortController();
    const listening = token.onCancellationRequested(() => stop.abort());
    const calls = new Calls();
    const isRequired = options.toolMode === vscode.LanguageModelChatToolMode.Required;
    try {
      const request = toRequest(id, messages, options.tools ?? [], isRequired);
      for await (const event of this.daemon().chat(request, stop.signal)) {
        if (event.delta && !event.delta.is_reasoning) progress.report(new vscode.LanguageModelTextPart(event.delta.text));
        if (event.tool_call) calls.take(event.tool_call);
      }
      for (const { id, name, input } of calls.whole()) progress.report(new vscode.LanguageModelToolCallPart(id, name, input));
    } catch (error) {
      if (!token.isCancellationRequested) throw error;
    } finally {
      listening.dispose();
    }
  }

  async provideTokenCount({ id }: { readonly id: string }, text: string | Asked): Promise<number> {
    const whole = typeof text === "string" ? text : textOf(text);
    return this.daemon().countTokens(id, whole);
  }
}

/** Undefined for one that does not chat, as far as is known. */
function describe(model: Model, details: ModelDetails | undefined): Information | undefined {
  const resident = details?.resident;
  const abilities = resident?.abilities ?? [];
  const isUnreadable = !resident && details?.problem;
  if (model.quarantined || isUnreadable || (abilities.length > 0 && !abilities.includes("ABILITY_CHAT"))) return undefined;
  const context = resident?.context_tokens || details?.plan?.context_tokens || USUAL_CONTEXT;
  const most = Math.max(1, Math.floor(context / 4));
  return {
    id: model.name,
    name: model.name,
    family: details?.facts.find(({ key }) => key === "architecture")?.value || model.name,
    version: model.sha256.slice(0, 12) || "unknown",
    detail: resident ? "in memory" : bytes(model.file_bytes),
    tooltip: "Runs on this machine, behind a Unix socket.",
    maxInputTokens: context - most,
    maxOutputTokens: most,
    capabilities: { imageInput: model.projector !== "", toolCalling: MAX_TOOLS },
  };
}

function textOf({ content }: Asked): string {
  return content.map((part) => (part as { value?: unknown }).value).filter((value) => typeof value === "string").join("\n");
}
