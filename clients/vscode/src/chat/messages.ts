// What the chat's page and the extension say to each other.
//
// Must never let a message through that is not one of these: the page shows what models write. Pure. Called by
// chat/view.ts for what the page says, and by webview/main.ts for what the extension says.

/** From the page. */
export type Wish =
  | { readonly kind: "ready" | "stop" | "new" | "pick" | "attachFile" | "attachSelection" | "start" | "walkthrough" | "locality" }
  | { readonly kind: "ask"; readonly text: string }
  | { readonly kind: "detach"; readonly name: string }
  | { readonly kind: "copy" | "insert"; readonly text: string };

/** To the page. */
export type News =
  | { readonly kind: "state"; readonly state: Shown }
  | { readonly kind: "delta"; readonly text: string; readonly reasoning: string }
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "draft"; readonly text: string }
  | { readonly kind: "fault"; readonly text: string };

export interface Shown {
  readonly turns: readonly ShownTurn[];
  readonly attached: readonly string[];
  readonly isAnswering: boolean;
  readonly model: string;
  readonly status: string;
  /** What to do before anything can be asked; empty when all is well. */
  readonly obstacle: "" | "missing" | "down";
  readonly locality: string;
}
export interface ShownTurn {
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly reasoning: string;
  readonly attachments: readonly string[];
  readonly note: string;
}

const BARE = new Set(["ready", "stop", "new", "pick", "attachFile", "attachSelection", "start", "walkthrough", "locality"]);
const WITH_TEXT = new Set(["ask", "copy", "insert"]);
const MAX_CHARACTERS = 1 << 20;

/** The wish that a message of the page is; undefined for anything else. */
export function readWish(message: unknown): Wish | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  const { kind, text, name } = message as Record<string, unknown>;
  if (typeof kind !== "string") return undefined;
  if (BARE.has(kind)) return { kind } as Wish;
  if (WITH_TEXT.has(kind) && isText(text)) return { kind, text } as Wish;
  return kind === "detach" && isText(name) ? { kind, name } : undefined;
}

const isText = (value: unknown): value is string => typeof value === "string" && value.length <= MAX_CHARACTERS;
