// One chat: puts the conversation's questions to the daemon, and tells whoever shows it what becomes of them.
//
// Must never keep a conversation anywhere but in memory, and never let two answers run at once. Knows no editor, so
// that tests drive it as it is. Called by chat/view.ts and the commands.

import type { Daemon, Progress } from "../daemon";
import { Fault } from "../faults";
import type { Excerpt } from "../prompts";
import { Conversation, type Terms } from "./conversation";
import type { News } from "./messages";

/** Text is shown at most so often: more than that nobody reads, and the page would do nothing else. */
const SHOW_EVERY_MS = 30;

export interface Surroundings {
  readonly daemon: () => Pick<Daemon, "chat">;
  readonly terms: () => Terms;
  /** Something has changed that `state` news tell. */
  readonly changed: () => void;
  readonly tell: (news: News) => void;
}

export class ChatController {
  readonly conversation = new Conversation();
  #answering: AbortController | undefined;
  #answer: Promise<void> = Promise.resolve();
  #unshown = { text: "", reasoning: "" };
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly around: Surroundings) {}

  get isAnswering(): boolean {
    return this.#answering !== undefined;
  }

  attach(excerpt: Excerpt): void {
    this.#refusing(() => this.conversation.attach(excerpt));
  }

  detach(name: string): void {
    this.conversation.detach(name);
    this.around.changed();
  }

  /** Asks, and returns when the answer is over. Whatever goes wrong is told in the chat. */
  async ask(text: string): Promise<void> {
    if (this.#answering) return this.#fault(new Fault("busy", "an answer is under way; stop it, or wait for its end"), text);
    try {
      this.conversation.ask(text);
    } catch (error) {
      return this.#fault(error, text);
    }
    this.#answering = new AbortController();
    this.around.changed();
    this.#answer = this.#run(this.#answering.signal);
    await this.#answer;
  }

  /** Returns when the answer under way has ended. */
  async stop(): Promise<void> {
    this.#answering?.abort();
    await this.#answer;
  }

  async startAnew(): Promise<void> {
    await this.stop();
    this.conversation.clear();
    this.around.changed();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { conversation, around } = this;
    try {
      const request = conversation.request(around.terms());
      for await (const event of around.daemon().chat(request, signal)) {
        if (event.progress) around.tell({ kind: "progress", text: stage(event.progress) });
        else if (event.warning) around.tell({ kind: "progress", text: event.warning.message });
        conversation.tell(event);
        if (event.delta) this.#show(event.delta.text, event.delta.is_reasoning);
      }
    } catch (error) {
      this.#endEarly(error, signal);
    } finally {
      this.flush();
      this.#answering = undefined;
      around.changed();
    }
  }

  /** An answer that was cut keeps what there is; a question that got none goes back to where it was typed. */
  #endEarly(error: unknown, signal: AbortSignal): void {
    const last = this.conversation.turns.at(-1);
    const isStop = signal.aborted || (error instanceof Fault && error.code === "cancelled");
    const sentence = error instanceof Error ? error.message : String(error);
    if (last?.text || last?.reasoning || isStop) this.conversation.end(isStop ? "stopped" : sentence);
    else this.#fault(error, this.conversation.takeBack());
  }

  #show(text: string, isReasoning: boolean): void {
    this.#unshown[isReasoning ? "reasoning" : "text"] += text;
    this.#timer ??= setTimeout(() => this.flush(), SHOW_EVERY_MS);
  }

  /** Tells what has come and is not told yet: before whoever shows it is given the whole conversation. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unshown.text || this.#unshown.reasoning) this.around.tell({ kind: "delta", ...this.#unshown });
    this.#unshown = { text: "", reasoning: "" };
  }

  #refusing(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fault(error, "");
    }
    this.around.changed();
  }

  /** `draft`: what was asked, for another try. */
  #fault(error: unknown, draft: string): void {
    if (draft) this.around.tell({ kind: "draft", text: draft });
    this.around.tell({ kind: "fault", text: error instanceof Error ? error.message : String(error) });
  }
}

const STAGES: Readonly<Record<string, string>> = {
  STAGE_VERIFYING: "checking the model's file",
  STAGE_LOADING: "loading the model",
  STAGE_PROBING: "trying the model",
  STAGE_QUEUED: "waiting for others",
  STAGE_PREFILL: "reading",
  STAGE_RECOVERING: "the model's worker died; another one takes over",
  STAGE_WAITING_FOR_ROOM: "waiting for room in memory",
};

function stage({ stage, fraction, num_ahead }: Progress): string {
  const words = STAGES[stage] ?? "waiting";
  if (num_ahead) return `${words}, ${num_ahead} before`;
  return fraction > 0 && fraction < 1 ? `${words}, ${Math.round(fraction * 100)} %` : words;
}
