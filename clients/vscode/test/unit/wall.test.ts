// The bundle's walls: what could reach anything but a socket's path is not in it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import test from "node:test";
import * as http2 from "../../src/wall/http2";
import * as net from "../../src/wall/net";
import * as nothing from "../../src/wall/nothing";

const DIST = join(__dirname, "../../dist");
const HARMLESS = new Set(["vscode", "child_process", "crypto", "events", "fs", "os", "path", "process", "readline", "stream", "url", "util", "zlib"]);
const bundle = readFileSync(join(DIST, "extension.js"), "utf8");
const sources = (name: string): string[] => [...bundle.matchAll(new RegExp(`require\\("(?:node:)?${name}"\\)`, "g"))].map(([found]) => found);

test("the bundle asks Node for nothing that opens connections, but through the two walls", () => {
  const asked = new Set([...bundle.matchAll(/require\("(?:node:)?([\w/]+)"\)/g)].map(([, name]) => name ?? ""));
  const others = [...asked].filter((name) => !HARMLESS.has(name) && (builtinModules.includes(name) || !name.startsWith(".")));
  assert.deepEqual(others.sort(), ["http2", "net"]);
  assert.deepEqual([sources("net").length, sources("http2").length], [1, 1]);
});

const found = (file: string, pattern: RegExp): string[] => [...readFileSync(join(DIST, file), "utf8").matchAll(pattern)].map(([text]) => text);

for (const file of ["extension.js", "chat.js"])
  test(`${file} has no other way to a network`, () => {
    assert.deepEqual(found(file, /\bnew (WebSocket|XMLHttpRequest|EventSource|Worker)\b|sendBeacon|importScripts|process\.binding|\beval\(/g), []);
    // The build takes the global away; what is left are functions of a package that happen to be called so.
    assert.deepEqual(found(file, /\b(globalThis|global|self|window)\.(fetch|WebSocket|EventSource)\b/g), []);
    assert.deepEqual(found(file, /\bawait fetch\(|return fetch\(/g), []);
  });

test("the page makes no HTML and keeps nothing", () => {
  assert.deepEqual(found("chat.js", /innerHTML|outerHTML|insertAdjacentHTML|document\.write|localStorage|sessionStorage|indexedDB|setState/g), []);
});

for (const options of [{ host: "127.0.0.1", port: 1 }, { port: 1 }, { path: "/x", port: 1 }, { path: "x" }, { fd: 3 }, 80, "/x", undefined])
  test(`no connection is made to ${JSON.stringify(options)}`, () => {
    assert.throws(() => net.connect(options), /socket alone/);
    assert.throws(() => new net.Socket().connect(options), /socket alone/);
  });

test("neither servers nor sessions of their own", () => {
  assert.throws(() => net.createServer(), /listens nowhere/);
  assert.throws(() => http2.connect("http://127.0.0.1", {}), /its own wall/);
  for (const name of ["connect", "lookup", "request", "get"] as const) assert.throws(() => nothing[name](), /socket alone/);
});
