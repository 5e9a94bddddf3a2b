// Reads .gitignore and .hobignore of the folders that a file is in, and says why it is not attached.
//
// Must never read the file itself, and never let through what it could not judge. Called by attachments.ts.

import { promises as fs } from "fs";
import { dirname } from "path";
import { isIgnored, isSecret, type Rules } from "./exclusion";

const NAMES = [".gitignore", ".hobignore"]; // the second may say otherwise than the first
const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 64;

/** In words; undefined if nothing speaks against the file, under the name it has or the one that it is a link to. */
export async function whyExcluded(path: string): Promise<string | undefined> {
  const real = await fs.realpath(path).catch(() => path);
  for (const name of new Set([path, real])) {
    if (isSecret(name)) return "its name is that of a file which holds secrets";
    if (isIgnored(name, await rulesOf(name))) return ".gitignore or .hobignore leaves it out";
  }
  return undefined;
}

/** From the folder where the repository begins; without one, of all folders there are. */
async function rulesOf(path: string): Promise<Rules[]> {
  const found: Rules[] = [];
  let folder = dirname(path);
  for (let depth = 0; depth < MAX_DEPTH; depth += 1, folder = dirname(folder)) {
    const base = folder === "/" ? "" : folder;
    const isTop = await fs.lstat(`${base}/.git`).then(() => true, () => false);
    const lists = [...(isTop ? [".git/info/exclude"] : []), ...NAMES];
    const lines = (await Promise.all(lists.map((name) => linesOf(`${base}/${name}`)))).flat();
    if (lines.length) found.push({ folder: base, lines });
    if (isTop || folder === dirname(folder)) break;
  }
  return found.reverse();
}

/** One that cannot be read, or is no list of patterns, excludes all that it is for. */
async function linesOf(path: string): Promise<string[]> {
  try {
    const { size } = await fs.stat(path);
    if (size > MAX_BYTES) return ["*"];
    return new TextDecoder("utf-8", { fatal: true }).decode(await fs.readFile(path)).split(/\r\n|\n|\r/);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? [] : ["*"];
  }
}
