// Which files are never attached.

import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, readFileSync, symlinkSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { isIgnored, isSecret, SECRETS, type Rules } from "../../src/exclusion";
import { readAttachment } from "../../src/attachments";
import { whyExcluded } from "../../src/ignoreFiles";

const rules = (...lines: string[]): Rules[] => [{ folder: "/p", lines }];

for (const path of ["/p/.env", "/p/.ENV.local", "/p/a/id_rsa", "/h/.ssh/config", "/p/x.pem", "/p/secrets.yaml", "/p/.git/config"])
  test(`the name says that it is a secret: ${path}`, () => assert.ok(isSecret(path)));
for (const path of ["/p/.env.example", "/p/main.py", "/p/id_rsa.pub", "/p/environment.ts", "/p/keys.ts"])
  test(`the name says nothing of a secret: ${path}`, () => assert.ok(!isSecret(path)));

test("ignored are names, folders and patterns, and what is taken in again is not", () => {
  assert.ok(isIgnored("/p/build/a.js", rules("build/")));
  assert.ok(isIgnored("/p/a/b.log", rules("*.log")));
  assert.ok(!isIgnored("/p/keep.log", rules("*.log", "!keep.log")));
  assert.ok(!isIgnored("/q/b.log", rules("*.log")), "of another folder");
});

test("nothing comes back out of an ignored folder", () => {
  assert.ok(isIgnored("/p/build/keep.js", rules("build/", "!build/keep.js")));
});

test("the nearest folder has the last word", () => {
  const nearer: Rules = { folder: "/p/a", lines: ["!x.log"] };
  assert.ok(!isIgnored("/p/a/x.log", [...rules("*.log"), nearer]));
});

function project(): string {
  const root = mkdtempSync(join(tmpdir(), "hob-"));
  mkdirSync(join(root, ".git"));
  writeFileSync(join(root, ".gitignore"), "*.log\n");
  writeFileSync(join(root, ".hobignore"), "private/\n");
  return root;
}

test("both lists are read, to the top of the repository", async () => {
  const root = project();
  assert.match((await whyExcluded(join(root, "a.log"))) ?? "", /gitignore/);
  assert.match((await whyExcluded(join(root, "private/notes.md"))) ?? "", /hobignore/);
  assert.equal(await whyExcluded(join(root, "a.py")), undefined);
});

test("a link to an excluded file is excluded", async () => {
  const root = project();
  writeFileSync(join(root, ".env"), "TOKEN=1\n");
  symlinkSync(join(root, ".env"), join(root, "harmless.txt"));
  assert.match((await whyExcluded(join(root, "harmless.txt"))) ?? "", /secrets/);
});

test("a list that is none excludes all that it is for", async () => {
  const root = project();
  writeFileSync(join(root, ".hobignore"), Buffer.from([0xff, 0xfe, 0xff]));
  assert.ok(await whyExcluded(join(root, "a.py")));
});

test("a list that may not be read excludes all that it is for", { skip: process.getuid?.() === 0 }, async () => {
  const root = project();
  chmodSync(join(root, ".hobignore"), 0);
  assert.ok(await whyExcluded(join(root, "a.py")));
});

test("no attachment is binary, or too large", async () => {
  const root = project();
  writeFileSync(join(root, "a.bin"), Buffer.from([1, 0, 255]));
  writeFileSync(join(root, "big.txt"), "a".repeat((128 << 10) + 1));
  await assert.rejects(readAttachment(join(root, "a.bin"), "a.bin", ""), /not text/);
  await assert.rejects(readAttachment(join(root, "big.txt"), "big.txt", ""), /at most 131072/);
});

// What git says of paths and lists; tests/vscode/test_extension.py asks it.
const asked = process.env["HOB_TEST_IGNORED"];
test("git ignores the same", { skip: asked === undefined }, () => {
  for (const [path, given, says] of JSON.parse(readFileSync(asked ?? "", "utf8")) as [string, Rules[], boolean][])
    assert.equal(isIgnored(path, given), says, `${path} with ${JSON.stringify(given)}`);
});

// What hob_editors says, where it is installed.
const peer = JSON.parse(process.env["HOB_TEST_SECRETS"] ?? "null") as null | { secrets: string[]; isSecret: [string, boolean][] };
test("the language server takes the same names for secrets", { skip: peer === null }, () => {
  assert.deepEqual([...SECRETS].sort(), peer?.secrets.sort());
  for (const [path, says] of peer?.isSecret ?? []) assert.equal(isSecret(path), says, path);
});
