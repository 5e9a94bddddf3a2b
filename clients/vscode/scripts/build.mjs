// Builds the extension: types and descriptor from the protos, then one bundle for the editor and one for the chat.
//
// Must never keep a copy of a proto that a person could edit, and never reach a network.
// Called by package.json: --types (generated types alone), --tests (unit tests too), --suite (what runs in an editor,
// alone), --release (small, no maps).

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";
import protobuf from "protobufjs";
import { icon } from "./icon.mjs";
import { notices } from "./notices.mjs";

const HERE = join(dirname(fileURLToPath(import.meta.url)), "..");
const ROOT = join(HERE, "../..");
const PROTO = join(ROOT, "proto");
const GENERATED = join(HERE, "build/generated");
const NAMES = ["daemon", "inference", "models"].map((name) => `hob/v1/${name}.proto`);
// What could open a connection or resolve a name. Each is replaced by the module of its name in src/wall, or
// by one that refuses everything.
const GUARDED = /^(?:node:)?(net|tls|dns|dns\/promises|http|https|http2|dgram|inspector|@protobufjs\/fetch)$/;
const WALLED = new Set(["net", "http2"]);

// What Node and browsers have without asking for a module.
const GLOBALS = ["fetch", "WebSocket", "EventSource", "XMLHttpRequest"];
const without = Object.fromEntries(GLOBALS.flatMap((name) => [name, `globalThis.${name}`, `global.${name}`].map((each) => [each, "undefined"])));

const wants = (flag) => process.argv.includes(flag);

function generateContract() {
  rmSync(GENERATED, { recursive: true, force: true });
  mkdirSync(GENERATED, { recursive: true });
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) =>
    target.startsWith("google/") ? protobuf.util.path.resolve(origin, target) : join(PROTO, target);
  root.loadSync(NAMES, { keepCase: true });
  root.resolveAll();
  writeFileSync(join(GENERATED, "descriptor.json"), JSON.stringify(root.toJSON({ keepComments: false })));
  const generator = join(HERE, "node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js");
  const shape = ["--keepCase", "--longs=Number", "--enums=String", "--bytes=Buffer", "--defaults", "--oneofs"];
  const argv = [generator, ...NAMES, "-I", PROTO, ...shape, "--grpcLib=@grpc/grpc-js", `--outDir=${GENERATED}`];
  execFileSync(process.execPath, argv, { cwd: HERE, stdio: ["ignore", "ignore", "inherit"] });
}

/** The names of secrets, of which there is one list. */
function generateSecrets() {
  const source = readFileSync(join(ROOT, "clients/hob_client/secret_names.py"), "utf8");
  const names = pythonTuple(source, "SECRETS");
  writeFileSync(join(GENERATED, "secrets.json"), JSON.stringify(names));
}

function pythonTuple(source, name) {
  const body = new RegExp(`^${name}[^=\\n]*= \\(\\n((?:    (?:"[^"\\\\]+",?|#.*)[^"\\n]*\\n)+)\\)`, "m").exec(source)?.[1];
  if (!body) throw new Error(`no tuple ${name} of one text a line; teach scripts/build.mjs its new form`);
  return [...body.matchAll(/^    "([^"]+)"/gm)].map(([, text]) => text);
}

const wall = {
  name: "wall",
  setup(build) {
    build.onResolve({ filter: GUARDED }, ({ path, importer }) => {
      const name = GUARDED.exec(path)[1];
      if (importer.startsWith(join(HERE, "src/wall"))) return { path: name, external: true };
      return { path: join(HERE, "src/wall", WALLED.has(name) ? `${name}.ts` : "nothing.ts") };
    });
  },
};

const common = {
  absWorkingDir: HERE,
  bundle: true,
  minify: wants("--release"),
  sourcemap: wants("--release") ? false : "linked",
  define: without,
  legalComments: "none",
  logLevel: "warning",
};
const inNode = { ...common, platform: "node", target: "node20", external: ["vscode"], plugins: [wall] };

async function bundle() {
  rmSync(join(HERE, "dist"), { recursive: true, force: true });
  const main = { "extension": "src/extension.ts" };
  await esbuild.build({ ...inNode, format: "cjs", entryPoints: main, outdir: "dist", metafile: true })
    .then(({ metafile }) => writeFileSync(join(HERE, "NOTICE.txt"), notices(HERE, metafile)));
  const page = { "chat": "src/webview/main.ts" };
  await esbuild.build({ ...common, platform: "browser", target: "chrome120", format: "iife", entryPoints: page, outdir: "dist" });
  copyFileSync(join(HERE, "src/webview/chat.css"), join(HERE, "dist/chat.css"));
  writeFileSync(join(HERE, "media/icon.png"), icon());
  copyFileSync(join(ROOT, "LICENSE"), join(HERE, "LICENSE"));
}

async function bundleTests() {
  const outdir = "build/tests";
  rmSync(join(HERE, outdir), { recursive: true, force: true });
  const names = readdirSync(join(HERE, "test/unit")).filter((name) => name.endsWith(".test.ts"));
  const entryPoints = names.map((name) => `test/unit/${name}`);
  await esbuild.build({ ...inNode, format: "cjs", entryPoints, outdir, outExtension: { ".js": ".cjs" } });
}

/** What runs inside a real editor, beside the packaged extension. */
async function bundleSuite() {
  const outdir = "build/suite";
  rmSync(join(HERE, outdir), { recursive: true, force: true });
  await esbuild.build({ ...common, platform: "node", target: "node20", external: ["vscode"], format: "cjs", entryPoints: ["test/suite/index.ts"], outdir });
}

generateContract();
generateSecrets();
if (wants("--suite")) await bundleSuite();
else if (!wants("--types")) await bundle();
if (wants("--tests")) await bundleTests();
