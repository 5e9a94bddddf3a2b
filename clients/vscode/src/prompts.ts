// The questions that commands put about a piece of code.
//
// Must never let the code end its own fence. Pure. Called by the commands.

export type Task = "ask" | "explain" | "fix" | "tests";

const WORDS: Record<Exclude<Task, "ask">, string> = {
  explain: "Explain what this code does, and what in it could surprise somebody.",
  fix: "Find what is wrong with this code. Say it in a sentence, then give the whole of it, mended, in one code block.",
  tests: "Write tests for this code, in the way that is usual for its language. Give them in one code block.",
};

export interface Excerpt {
  readonly name: string; // what to call it: a path inside the workspace
  readonly language: string;
  readonly text: string;
  readonly problems?: readonly string[]; // what the editor's other extensions say of it
}

export function question(task: Exclude<Task, "ask">, excerpt: Excerpt): string {
  const told = task === "fix" && excerpt.problems?.length ? `\nIt is said of it: ${excerpt.problems.join("; ")}` : "";
  return `${WORDS[task]}${told}`;
}

/** An excerpt as a part of a message. */
export function quote({ name, language, text }: Excerpt): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const word = /^[\w+#.-]{1,40}$/.test(language) ? language : "";
  return `${name.replace(/[\r\n`]/g, " ")}:\n${fence}${word}\n${text}${text.endsWith("\n") ? "" : "\n"}${fence}`;
}
