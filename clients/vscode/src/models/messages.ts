// Requests of the editor's own chat in the daemon's words, and the daemon's answers in the editor's.
//
// Must never drop a part silently: what a model cannot take is refused by name. Pure: the editor's classes are told
// by their fields. Called by models/provider.ts.

import type { ChatRequest } from "../daemon";
import { Fault } from "../faults";

type Message = NonNullable<ChatRequest["messages"]>[number];
type Content = NonNullable<Message["content"]>[number];
type Call = NonNullable<Message["tool_calls"]>[number];

/** A message as the editor has it; `User` is 1, `Assistant` is 2, and newer ones have a system role. */
export interface Asked {
  readonly role: number;
  readonly content: readonly unknown[];
}
export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema?: object | undefined;
}

export function toRequest(model: string, asked: readonly Asked[], tools: readonly OfferedTool[], isToolRequired: boolean): ChatRequest {
  return {
    model,
    messages: asked.flatMap(toMessages),
    tools: tools.map(({ name, description, inputSchema }) => ({
      name,
      description,
      parameters_schema: inputSchema ? JSON.stringify(inputSchema) : "",
    })),
    ...(tools.length ? { tool_choice: { mode: isToolRequired ? "MODE_REQUIRED" : "MODE_AUTO" }, parallel_tool_calls: true } : {}),
    options: { priority_class: "PRIORITY_CLASS_INTERACTIVE", client_request_id: "vscode-lm" },
  };
}

/** Results of tools are messages of their own, before what else is said. */
function toMessages({ role, content }: Asked): Message[] {
  const results: Message[] = [];
  const parts: Content[] = [];
  const calls: Call[] = [];
  for (const part of content) {
    const known = part as Record<string, unknown>;
    if (typeof known["value"] === "string") parts.push({ text: known["value"] });
    else if (typeof known["callId"] === "string" && typeof known["name"] === "string")
      calls.push({ id: known["callId"], name: known["name"], arguments: JSON.stringify(known["input"] ?? {}) });
    else if (typeof known["callId"] === "string" && Array.isArray(known["content"]))
      results.push({ role: "tool", tool_call_id: known["callId"], content: [{ text: textsOf(known["content"]) }] });
    else if (known["data"] instanceof Uint8Array) parts.push(medium(known["data"], String(known["mimeType"])));
    else throw new Fault("not_supported", "the message has a part that hob does not know; leave it out");
  }
  const name = role === 2 ? "assistant" : role === 1 ? "user" : "system";
  return [...results, ...(parts.length || calls.length ? [{ role: name, content: parts, tool_calls: calls }] : [])];
}

function medium(data: Uint8Array, mimeType: string): Content {
  if (mimeType.startsWith("text/") || mimeType === "application/json") return { text: new TextDecoder().decode(data) };
  return { media: { mime_type: mimeType, data: Buffer.from(data) } };
}

function textsOf(parts: readonly unknown[]): string {
  return parts.map((part) => (part as { value?: unknown }).value).filter((value) => typeof value === "string").join("\n");
}

/** Calls come in pieces, and are told when they are whole. */
export class Calls {
  readonly #calls = new Map<number, { id: string; name: string; text: string }>();

  take({ index, id, name, arguments: text }: { index: number; id: string; name: string; arguments: string }): void {
    const call = this.#calls.get(index) ?? { id: "", name: "", text: "" };
    this.#calls.set(index, { id: call.id || id, name: call.name || name, text: call.text + text });
  }

  whole(): { id: string; name: string; input: object }[] {
    return [...this.#calls.values()].map(({ id, name, text }) => ({ id, name, input: parse(name, text) }));
  }
}

function parse(name: string, text: string): object {
  try {
    const input: unknown = JSON.parse(text || "{}");
    if (typeof input === "object" && input !== null) return input;
  } catch {
    // told below
  }
  throw new Fault("internal", `the model's call of ${name} was cut short; allow a longer answer`);
}
