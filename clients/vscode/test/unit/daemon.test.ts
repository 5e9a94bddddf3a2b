// The calls over a real socket to a real daemon, which tests/vscode/test_extension.py starts.

import assert from "node:assert/strict";
import test, { after } from "node:test";
import { Daemon, type Told } from "../../src/daemon";
import { Fault } from "../../src/faults";

const socket = process.env["HOB_TEST_SOCKET"] ?? "";
const skip = socket === "" ? "no daemon was started for it" : false;
const daemon = new Daemon(socket || "/nowhere.sock");
after(() => daemon.dispose());

const question = { model: "tiny", messages: [{ role: "user", content: [{ text: "Hello" }] }], limits: { max_tokens: 8 } };

async function all(events: AsyncGenerator<Told>): Promise<Told[]> {
  const told: Told[] = [];
  for await (const event of events) told.push(event);
  return told;
}

test("a chat streams, and ends with its receipt", { skip }, async () => {
  const told = await all(daemon.chat(question, new AbortController().signal));
  assert.ok(told.some(({ delta }) => delta?.text));
  assert.equal(told.at(-1)?.done?.receipt?.model, "tiny");
});

test("who stops reading ends the call at the daemon", { skip }, async () => {
  const slow = { ...question, model: "slow", limits: { max_tokens: 100_000 } };
  for await (const event of daemon.chat(slow, new AbortController().signal)) if (event.delta) break;
  for (let tries = 0; ; tries += 1) {
    const { residents } = await daemon.status();
    if (residents.every(({ num_running }) => num_running === 0)) return;
    assert.ok(tries < 2_000, "it still runs");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test("an aborted call is told as cancelled", { skip }, async () => {
  const stop = new AbortController();
  const events = daemon.chat({ ...question, model: "slow", limits: { max_tokens: 100_000 } }, stop.signal);
  await events.next();
  stop.abort();
  await assert.rejects(all(events), (error) => error instanceof Fault && error.code === "cancelled");
});

test("a refusal is the daemon's own sentence, by its kind", { skip }, async () => {
  const asked = all(daemon.chat({ ...question, model: "nosuch" }, new AbortController().signal));
  await assert.rejects(asked, (error) => error instanceof Fault && error.code === "model_not_found" && /nosuch/.test(error.message));
});

test("status, models, wires and evidence are told", { skip }, async () => {
  assert.match((await daemon.status()).confinement, /./);
  assert.ok((await daemon.models()).some(({ name }) => name === "tiny"));
  assert.ok((await daemon.wires()).wires.some(({ name }) => name === "telemetry"));
  assert.ok((await daemon.attest()).evidence.some(({ property, held }) => property === "no_connect" && held));
  assert.ok((await daemon.countTokens("tiny", "Hello")) > 0);
});

test("events are told until nobody wants them", { skip }, async () => {
  const stop = new AbortController();
  const kinds: string[] = [];
  const watching = (async () => { for await (const { kind } of daemon.events(stop.signal)) kinds.push(kind); })();
  // The daemon does not say when it has begun to tell: ask until it was heard.
  for (let tries = 0; tries < 100 && !kinds.includes("request_ended"); tries += 1) await all(daemon.chat(question, new AbortController().signal));
  assert.ok(kinds.includes("request_ended"), kinds.join());
  stop.abort();
  await assert.rejects(watching, (error) => error instanceof Fault && error.code === "cancelled");
});

test("proxies of the environment are not asked", { skip }, async () => {
  process.env["grpc_proxy"] = process.env["http_proxy"] = "http://127.0.0.1:9";
  const other = new Daemon(socket);
  assert.match((await other.status()).version, /\d/);
  other.dispose();
});

test("no daemon is a sentence that says what to do", async () => {
  const nobody = new Daemon("/nonexistent/hob.sock");
  await assert.rejects(nobody.status(), (error) => error instanceof Fault && error.code === "daemon_unreachable" && /start one/.test(error.message));
  nobody.dispose();
});
