// `hob lsp`, which has all of completion: caching, debounce, context, templates. Started while completions are on.
//
// Must never ask for a completion itself, and never let a folder say what is run. Called by extension.ts.

import * as vscode from "vscode";
import { LanguageClient, RevealOutputChannelOn, State, type LanguageClientOptions } from "vscode-languageclient/node";
import { locate } from "./program";
import * as settings from "./settings";

/** What `hob/status` tells. */
export interface Standing {
  readonly state: string;
  readonly model: string;
  readonly message: string;
  readonly isExcluded: boolean;
}

export class LanguageServer implements vscode.Disposable {
  #client: LanguageClient | undefined;
  #change: Promise<void> = Promise.resolve();
  #standing = "";

  constructor(private readonly tell: (standing: string) => void) {}

  /** What was told last, in words; empty while there is no server. */
  get standing(): string {
    return this.#standing;
  }

  get isRunning(): boolean {
    return this.#client?.state === State.Running;
  }

  /** Starts, stops or tells the server, as the settings now say. One change after another. */
  follow(): Promise<void> {
    return this.#inTurn(async () => {
      if (!settings.wantsCompletions()) await this.#stop();
      else if (this.#client) await this.#client.sendNotification("workspace/didChangeConfiguration", { settings: { hob: settings.languageServer() } });
      else await this.#start();
    });
  }

  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#stop();
      if (settings.wantsCompletions()) await this.#start();
    });
  }

  dispose(): void {
    void this.#inTurn(() => this.#stop());
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    this.#change = this.#change.then(act).catch((error: unknown) => this.#say(error instanceof Error ? error.message : String(error)));
    return this.#change;
  }

  async #start(): Promise<void> {
    const [program, ...first] = settings.command();
    const file = locate(program);
    if (!file) return this.#say(`the program ${program} is not there; see the setting hob.command`);
    const socket = settings.socket();
    const args = [...first, ...(socket ? ["--socket", socket] : []), ...(settings.mayStartDaemon() ? [] : ["--no-start"]), "lsp"];
    this.#say("starting");
    const client = new LanguageClient("hob", "hob", { command: file, args }, options());
    client.onNotification("hob/status", (standing: Standing) => this.#say(inWords(standing)));
    this.#client = client;
    try {
      await client.start();
    } catch (error) {
      this.#client = undefined;
      throw new Error(`the language server did not start (${(error as Error).message}); run \`hob doctor\``);
    }
  }

  async #stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client) await client.stop().finally(() => client.dispose());
    this.#say("");
  }

  #say(standing: string): void {
    this.#standing = standing;
    this.tell(standing);
  }
}

function options(): LanguageClientOptions {
  return {
    documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
    initializationOptions: settings.languageServer(),
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    middleware: {
      workspace: {
        // The server is told what concerns it, and nothing else that is configured here.
        configuration: ({ items }) => items.map(({ section }) => (section === "hob" ? settings.languageServer() : null)),
      },
    },
  };
}

/** For people; exported for tests. */
export function inWords({ state, model, message, isExcluded }: Standing): string {
  if (isExcluded) return "this file is never shown to a model";
  if (state === "ready") return model ? `ready (${model})` : "ready";
  return (message || state).replaceAll("_", " ").replace("setting hob.model", "setting hob.completions.model");
}
