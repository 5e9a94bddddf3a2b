// Where the daemon is looked for, and what is never dialled.

import assert from "node:assert/strict";
import test from "node:test";
import { resolveSocket, type Machine } from "../../src/places";

const machine = (environment: Record<string, string>, owner?: number): Machine => ({
  platform: "linux", uid: 1000, environment, ownerOf: () => owner,
});

test("the setting goes before the environment, and that before the usual place", () => {
  const environment = { HOB_SOCKET: "/b.sock", XDG_RUNTIME_DIR: "/run/me" };
  assert.equal(resolveSocket("/a.sock", machine(environment)), "/a.sock");
  assert.equal(resolveSocket("", machine(environment)), "/b.sock");
  assert.equal(resolveSocket("", machine({ XDG_RUNTIME_DIR: "/run/me" })), "/run/me/hob/hob.sock");
});

for (const named of ["localhost:50051", "dns:///example", "ipv4:127.0.0.1:80", "relative/hob.sock", "/a\0b", `/${"a".repeat(107)}`])
  test(`what is no path of a socket is refused: ${JSON.stringify(named.slice(0, 20))}`, () => {
    assert.throws(() => resolveSocket(named, machine({})), /absolute path|longer than/);
  });

test("a usual place that belongs to somebody else is refused", () => {
  assert.throws(() => resolveSocket("", machine({ TMPDIR: "/tmp" }, 1001)), /belongs to user 1001/);
  assert.equal(resolveSocket("", machine({ TMPDIR: "/tmp" }, 1000)), "/run/user/1000/hob/hob.sock");
});

// What hob.address says of the same environments; tests/vscode/test_extension.py hands it over.
const expected = JSON.parse(process.env["HOB_TEST_PLACES"] ?? "[]") as [Record<string, string>, number, number | null, string][];
for (const [environment, uid, owner, path] of expected)
  test(`the place is hob.address's with ${JSON.stringify(environment)}`, () => {
    const here: Machine = { platform: "linux", uid, environment, ownerOf: (folder) => (folder.startsWith("/run/user") ? (owner ?? undefined) : undefined) };
    assert.equal(resolveSocket("", here), path);
  });
