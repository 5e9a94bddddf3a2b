// Follows the daemon: its state now, and again whenever something happens, through restarts of either side.
//
// Must never start a daemon or load a model, and asks nothing but states. Called by extension.ts; the status bar and
// the chat listen.

import { statSync } from "fs";
import * as vscode from "vscode";
import { Daemon } from "./daemon";
import { Fault } from "./faults";
import { resolveSocket } from "./places";
import { locate } from "./program";
import * as settings from "./settings";
import type { Reached } from "./state";

const RETRY_MS = [250, 500, 1_000, 2_000, 5_000, 10_000];
/** Events come in bursts, and a status is asked once for all of them. */
const SETTLE_MS = 150;
const LASTING_MS = 2_000;

export class Watcher implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<Reached>();
  readonly onDidChange = this.#changed.event;
  readonly #gone = new AbortController();
  #daemon: Daemon | undefined;
  #reached: Reached = { kind: "unknown" };
  #retry: AbortController = new AbortController();
  #attempt = 0;

  get reached(): Reached {
    return this.#reached;
  }

  /** The connection. Throws a Fault where the settings name no socket that could be one. */
  get daemon(): Daemon {
    const socket = socketNow();
    if (this.#daemon?.socket !== socket) {
      this.#daemon?.dispose();
      this.#daemon = new Daemon(socket);
    }
    return this.#daemon;
  }

  start(): void {
    void this.#follow();
  }

  /** Looks again at once: settings have changed, or somebody has just started a daemon. */
  lookAgain(): void {
    this.#attempt = 0;
    this.#retry.abort();
  }

  dispose(): void {
    this.#gone.abort();
    this.#retry.abort();
    this.#daemon?.dispose();
    this.#changed.dispose();
  }

  async #follow(): Promise<void> {
    while (!this.#gone.signal.aborted) {
      this.#retry = new AbortController();
      const signal = AbortSignal.any([this.#retry.signal, this.#gone.signal]);
      const began = performance.now();
      try {
        await this.#ask(this.daemon, signal);
        await this.#followEvents(this.daemon, signal).catch(() => undefined); // asking again tells what became of it
      } catch (error) {
        if (!signal.aborted) this.#tell(unreached(error));
      }
      // A door that does not tell of events is asked less and less often; one that did is asked again at once.
      if (performance.now() - began > LASTING_MS) this.#attempt = 0;
      await pause(RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)] ?? 0, signal);
      this.#attempt += 1;
    }
  }

  async #ask(daemon: Daemon, signal: AbortSignal): Promise<void> {
    const status = await daemon.status();
    if (!signal.aborted) this.#tell({ kind: "up", status });
  }

  async #followEvents(daemon: Daemon, signal: AbortSignal): Promise<void> {
    let isAsking = false;
    const askSoon = async (): Promise<void> => {
      if (isAsking) return;
      isAsking = true;
      await pause(SETTLE_MS, signal);
      isAsking = false;
      await this.#ask(daemon, signal).catch(() => undefined); // the stream tells when it is gone
    };
    for await (const _ of daemon.events(signal)) void askSoon();
  }

  #tell(reached: Reached): void {
    this.#reached = reached;
    if (this.#gone.signal.aborted) return;
    void vscode.commands.executeCommand("setContext", "hob.reachable", reached.kind === "up" || reached.kind === "shy");
    void vscode.commands.executeCommand("setContext", "hob.installed", reached.kind !== "unknown" && reached.kind !== "missing");
    this.#changed.fire(reached);
  }
}

function unreached(error: unknown): Reached {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof Fault && error.code === "not_permitted") return { kind: "shy", reason };
  const [program] = settings.command();
  return locate(program) ? { kind: "down", reason } : { kind: "missing", program };
}

function socketNow(): string {
  try {
    return resolveSocket(settings.socket(), {
      platform: process.platform,
      uid: process.getuid?.() ?? -1,
      environment: process.env,
      ownerOf: (path) => statSync(path, { throwIfNoEntry: false })?.uid,
    });
  } catch (error) {
    throw new Fault("invalid_request", (error as Error).message);
  }
}

/** Returns after so long, or when the signal says so. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
