// A conversation: who said what, what is attached to the next question, and whether an answer is under way.
//
// Must never be written anywhere, and never grow without a bound. Pure. Called by chat/controller.ts.

import type { ChatRequest, Told } from "../daemon";
import { MAX_ATTACHMENTS, MAX_TEXT_CHARACTERS } from "../attachments";
import { Fault } from "../faults";
import { quote, type Excerpt } from "../prompts";

export const MAX_TURNS = 400;

export interface Turn {
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly reasoning: string;
  readonly attachments: readonly Excerpt[];
  /** Why the answer ended before the model was done, or nothing at all came; empty for a whole one. */
  readonly note: string;
}

export interface Terms {
  readonly model: string;
  readonly systemPrompt: string;
  readonly maxTokens: number;
  readonly temperature: number | undefined;
  readonly incognito: boolean;
}

const ENDED: Readonly<Record<string, string>> = {
  FINISH_REASON_MAX_TOKENS: "cut: it was as long as hob.chat.maxTokens allows",
  FINISH_REASON_CONTEXT_FULL: "cut: the model can take in no more; begin a new conversation",
  FINISH_REASON_CANCELLED: "stopped",
  FINISH_REASON_DEADLINE: "cut: it took too long",
};

export class Conversation {
  #turns: Turn[] = [];
  #attached: Excerpt[] = [];

  get turns(): readonly Turn[] {
    return this.#turns;
  }
  get attached(): readonly Excerpt[] {
    return this.#attached;
  }

  clear(): void {
    this.#turns = [];
    this.#attached = [];
  }

  attach(excerpt: Excerpt): void {
    const others = this.#attached.filter((each) => each.name !== excerpt.name);
    if (others.length >= MAX_ATTACHMENTS)
      throw new Fault("invalid_request", `${MAX_ATTACHMENTS} attachments are there already; take one away first`);
    this.#attached = [...others, excerpt];
  }

  detach(name: string): void {
    this.#attached = this.#attached.filter((each) => each.name !== name);
  }

  /** Puts a question, and a place for its answer. Throws a Fault for one that cannot be put. */
  ask(text: string): void {
    const size = text.length + this.#attached.reduce((sum, each) => sum + each.text.length, 0);
    if (!text.trim()) throw new Fault("invalid_request", "the question is empty; write one");
    if (size > MAX_TEXT_CHARACTERS)
      throw new Fault("invalid_request", `the question has ${size} characters; at most ${MAX_TEXT_CHARACTERS} are sent: attach less`);
    if (this.#turns.length >= MAX_TURNS) throw new Fault("invalid_request", `the conversation has ${MAX_TURNS} turns; begin a new one`);
    this.#turns.push({ ...EMPTY, role: "user", text, attachments: this.#attached }, EMPTY);
    this.#attached = [];
  }

  /** Takes the last question back, with what was attached to it, and its answer. */
  takeBack(): string {
    const [question] = this.#turns.splice(-2);
    this.#attached = [...(question?.attachments ?? [])];
    return question?.text ?? "";
  }

  /** Takes in what the daemon tells of the answer under way. */
  tell(event: Told): void {
    const last = this.#turns.at(-1) ?? EMPTY;
    if (event.delta?.is_reasoning) this.#replace({ ...last, reasoning: last.reasoning + event.delta.text });
    else if (event.delta) this.#replace({ ...last, text: last.text + event.delta.text });
    else if (event.done) this.end(ENDED[event.done.answers[0]?.finish_reason ?? ""] ?? "");
  }

  /** The answer is over. `note`: why, if the model was not done. */
  end(note: string): void {
    this.#replace({ ...(this.#turns.at(-1) ?? EMPTY), note });
  }

  #replace(turn: Turn): void {
    this.#turns.splice(-1, 1, turn);
  }

  /** What to ask the daemon for the answer that is still empty. */
  request({ model, systemPrompt, maxTokens, temperature, incognito }: Terms): ChatRequest {
    const system = systemPrompt ? [{ role: "system", content: [{ text: systemPrompt }] }] : [];
    const said = this.#turns.slice(0, -1).filter((turn) => turn.text || turn.attachments.length);
    const messages = said.map((turn) => ({ role: turn.role, content: [{ text: textOf(turn) }] }));
    return {
      model,
      messages: [...system, ...messages],
      limits: { max_tokens: maxTokens },
      ...(temperature === undefined ? {} : { sampling: { temperature } }),
      options: { priority_class: "PRIORITY_CLASS_INTERACTIVE", incognito, client_request_id: "vscode-chat" },
    };
  }
}

const EMPTY: Turn = { role: "assistant", text: "", reasoning: "", attachments: [], note: "" };

function textOf({ text, attachments }: Turn): string {
  return [text, ...attachments.map(quote)].join("\n\n");
}
