// What the editor runs for a test: every scenario in turn, and what became of each, as JSON.
//
// Must never stop at the first failure. Called by the extension host; tests/vscode/test_in_the_editor.py reads the file.

import { writeFileSync } from "fs";
import { scenarios } from "./scenarios";

const LIMIT_MS = 60_000;

export async function run(): Promise<void> {
  const outcomes: Record<string, string> = {};
  for (const [name, act] of scenarios) {
    outcomes[name] = await outcome(act);
    writeFileSync(process.env["HOB_TEST_OUTCOMES"] ?? "", JSON.stringify(outcomes));
  }
}

/** Empty when it went well. */
async function outcome(act: () => Promise<void>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`not over within ${LIMIT_MS} ms`), LIMIT_MS);
  });
  const done = act().then(() => "", (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)));
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
