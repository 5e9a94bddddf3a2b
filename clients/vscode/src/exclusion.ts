// Which files are never attached: what .gitignore and .hobignore leave out, and what looks like a secret by name.
// The same rules as hob_editors/lsp/exclusion.py has for completions; a test holds the two together.
//
// Must stay pure: what ignore files say comes as text (ignoreFiles.ts reads them). Called by ignoreFiles.ts.

import ignore, { type Ignore } from "ignore";
import names from "../build/generated/secrets.json";

/** What the ignore files of one folder say, .gitignore first. */
export interface Rules {
  readonly folder: string; // absolute, without a slash at its end
  readonly lines: readonly string[];
}

export const SECRETS: readonly string[] = names;
const secrets = ignore({ ignorecase: true }).add(names);
/** pass and gopass edit what they decrypted here. */
const DECRYPTED = ["/dev/shm/", "/run/user/"];

/** Whether the name alone says that it holds what nobody may see. */
export function isSecret(path: string): boolean {
  return DECRYPTED.some((folder) => path.startsWith(folder)) || secrets.ignores(inside(path));
}

/** As git does it: the nearest folder has the last word, but nothing comes back out of an ignored folder. */
export function isIgnored(path: string, rules: readonly Rules[]): boolean {
  const matchers = rules.map(({ folder, lines }) => ({ folder, matcher: ignore({ ignorecase: false }).add([...lines]) }));
  const parts = path.split("/");
  for (let depth = 2; depth < parts.length; depth += 1) {
    if (verdict(`${parts.slice(0, depth).join("/")}/`, matchers)) return true;
  }
  return verdict(path, matchers);
}

/** `rules` go from the outermost folder to the innermost. */
function verdict(path: string, rules: readonly { folder: string; matcher: Ignore }[]): boolean {
  let isOut = false;
  for (const { folder, matcher } of rules) {
    const below = path.slice(folder.length + 1);
    if (!path.startsWith(`${folder}/`) || !below) continue;
    const { ignored, unignored } = matcher.test(below);
    if (ignored || unignored) isOut = ignored;
  }
  return isOut;
}

const inside = (path: string): string => path.replace(/^\/+/, "");
