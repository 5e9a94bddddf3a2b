// What a call can fail with, by the daemon's own account, and what to do about it.
//
// Must never hold text of a prompt. Called by daemon.ts; shown by the chat, the commands and the provider.

import { status, type ServiceError } from "@grpc/grpc-js";
import { decodeDetail } from "./contract";

/** Stable words, as hob_client has them. */
export type FaultCode =
  | "invalid_request" | "prompt_too_long" | "model_not_found" | "model_unusable" | "out_of_memory" | "busy"
  | "worker_crashed" | "draining" | "not_permitted" | "not_supported" | "internal"
  | "cancelled" | "deadline_exceeded" | "daemon_unreachable";

export class Fault extends Error {
  override readonly name = "Fault";
  constructor(
    readonly code: FaultCode,
    sentence: string,
    readonly suggestions: readonly string[] = [],
  ) {
    super(sentence);
  }
}

/** The daemon's own error if one came along, else what the bare status means. */
export function fromRpc(error: unknown, socket: string): Fault {
  if (error instanceof Fault) return error;
  if (!isServiceError(error)) return new Fault("internal", error instanceof Error ? error.message : String(error));
  const [bytes] = error.metadata?.get("hob-error-bin") ?? [];
  return bytes instanceof Buffer ? fromDetail(bytes, error.details) : fromStatus(error, socket);
}

function fromDetail(bytes: Buffer, sentence: string): Fault {
  try {
    const { code, suggestions } = decodeDetail(bytes);
    const word = String(code).replace(/^ERROR_CODE_/, "").toLowerCase() as FaultCode;
    return new Fault(word, withSuggestions(sentence, suggestions), suggestions);
  } catch {
    return new Fault("internal", `${sentence} (and the daemon's account of it could not be read)`);
  }
}

/** Names that the sentence does not say already. */
function withSuggestions(sentence: string, suggestions: readonly string[]): string {
  const untold = suggestions.filter((name) => !sentence.includes(name));
  return untold.length ? `${sentence} (there is: ${untold.join(", ")})` : sentence;
}

function fromStatus({ code, details }: ServiceError, socket: string): Fault {
  switch (code) {
    case status.UNAVAILABLE:
      return new Fault("daemon_unreachable", `no daemon answers at ${socket}; start one with \`hob models\``);
    case status.CANCELLED:
      return new Fault("cancelled", "the call was cancelled before it was complete");
    case status.DEADLINE_EXCEEDED:
      return new Fault("deadline_exceeded", "the call took longer than its timeout; try again, or ask for less");
    case status.UNIMPLEMENTED:
      return new Fault("not_supported", "the daemon does not know this call; if it is older than this extension, restart it");
    case status.RESOURCE_EXHAUSTED:
      return new Fault("invalid_request", "the message is larger than the connection allows; send less at once");
    case status.PERMISSION_DENIED:
      return new Fault("not_permitted", details);
    default:
      return new Fault("internal", details);
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === "number";
}
