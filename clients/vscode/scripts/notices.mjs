// The licences of what is bundled, from the bundle's own account of what went into it.
//
// Must never leave out a package whose code is in the bundle. Called by build.mjs.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ALLOWED = new Set(["Apache-2.0", "MIT", "ISC", "BSD-3-Clause", "BSD-2-Clause", "0BSD", "BlueOak-1.0.0"]);

export function notices(home, metafile) {
  const packages = [...new Set(Object.keys(metafile.inputs).map(packageOf).filter(Boolean))].sort();
  const parts = packages.map((folder) => notice(join(home, folder)));
  return `hob's extension contains these packages.\n\n${parts.join("\n")}`;
}

function packageOf(path) {
  const at = path.lastIndexOf("node_modules/");
  if (at < 0) return undefined;
  const [first, second] = path.slice(at + "node_modules/".length).split("/");
  return path.slice(0, at) + `node_modules/${first.startsWith("@") ? `${first}/${second}` : first}`;
}

function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (!ALLOWED.has(license)) throw new Error(`${name} has the licence ${license}, which is not on the list; use another package`);
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const text = file && existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8").trim() : "";
  return `---- ${name} ${version} (${license})\n\n${text}\n`;
}
