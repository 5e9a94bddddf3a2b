// Whether the `hob` program is there, and what it is run with.
//
// Must never run it: it is only looked for. Called by watcher.ts and the commands.

import { accessSync, constants, statSync } from "fs";
import { delimiter, isAbsolute, join, resolve } from "path";

/** The file that a command names, as a shell would find it; undefined where there is none. */
export function locate(program: string, searchPath: string = process.env["PATH"] ?? ""): string | undefined {
  if (isAbsolute(program)) return isProgram(program) ? program : undefined;
  if (program.includes("/")) return undefined; // relative to what? A folder that is open must not decide
  const folders = searchPath.split(delimiter).filter(isAbsolute);
  return folders.map((folder) => join(folder, program)).find(isProgram);
}

/** What goes to a terminal. */
export function quoteForShell(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(resolve(path)).isFile();
  } catch {
    return false;
  }
}
