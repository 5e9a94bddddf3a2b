// Prompts, messages of the page, the page itself, states, and requests of the editor's own chat.

import assert from "node:assert/strict";
import test from "node:test";
import { readWish } from "../../src/chat/messages";
import { page } from "../../src/chat/page";
import type { Status } from "../../src/daemon";
import { Calls, toRequest } from "../../src/models/messages";
import { locate, quoteForShell } from "../../src/program";
import { question, quote } from "../../src/prompts";
import { glance } from "../../src/state";

test("code never ends its own fence", () => {
  for (const text of ["plain", "```\nout", "a ````` b", "``````"]) {
    const quoted = quote({ name: "a", language: "ts", text });
    const fence = /^(`{3,})ts$/m.exec(quoted)?.[1] ?? "";
    assert.ok(fence && !text.includes(fence), quoted);
    assert.ok(quoted.endsWith(`\n${fence}`));
  }
});

test("a language that is no word is left out of the fence", () => {
  assert.match(quote({ name: "a", language: "x\n```", text: "t" }), /\n```\nt/);
});

test("only a fix is told what is said of the code", () => {
  const excerpt = { name: "a", language: "ts", text: "t", problems: ["x is undefined"] };
  assert.match(question("fix", excerpt), /x is undefined/);
  assert.doesNotMatch(question("explain", excerpt), /x is undefined/);
});

for (const message of [null, 1, "ask", {}, { kind: "ask" }, { kind: "ask", text: 1 }, { kind: "run", text: "x" }, { kind: "ask", text: "a".repeat(2 << 20) }])
  test(`what the page may not wish for is no wish: ${JSON.stringify(message)?.slice(0, 30)}`, () => assert.equal(readWish(message), undefined));

test("a wish has its own fields and no others", () => {
  assert.deepEqual(readWish({ kind: "ask", text: "Hi", extra: 1 }), { kind: "ask", text: "Hi" });
  assert.deepEqual(readWish({ kind: "stop", text: "x" }), { kind: "stop" });
});

test("the page may run one script, and connect to nothing", () => {
  const html = page({ script: "s.js", style: "c.css", source: "https://cdn", nonce: "N" });
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? "";
  assert.match(policy, /^default-src 'none'; script-src 'nonce-N'; style-src https:\/\/cdn; /);
  assert.doesNotMatch(policy, /unsafe|connect-src|img-src|\*/);
  assert.equal(html.match(/<script/g)?.length, 1);
});

const status = (given: Partial<Status>): Status => ({ residents: [], loading_models: [], draining: false, memory_pressure: null, ...given }) as unknown as Status;
const resident = (model: string): Status["residents"][number] =>
  ({ model, residency: "RESIDENCY_READY", resident_bytes: 300 << 20, num_running: 1, num_queued: 0, degraded: "" }) as unknown as Status["residents"][number];

for (const [name, reached, text, isTrouble] of [
  ["no program", { kind: "missing", program: "hob" }, /not installed/, true],
  ["no daemon", { kind: "down", reason: "no daemon answers" }, /not running/, true],
  ["a door that does not tell", { kind: "shy", reason: "this door does not grant observe" }, /circle-outline/, false],
  ["one that ends", { kind: "up", status: status({ draining: true }) }, /shutting down/, true],
  ["nothing in memory", { kind: "up", status: status({}) }, /circle-outline\) hob/, false],
  ["a model that loads", { kind: "up", status: status({ loading_models: ["big"] }) }, /loading.*big/, false],
  ["a model in memory", { kind: "up", status: status({ residents: [resident("tiny")] }) }, /flame\) tiny/, false],
] as const)
  test(`the status bar says: ${name}`, () => {
    const now = glance(reached, "");
    assert.match(now.text, text);
    assert.equal(now.isTrouble, isTrouble);
    assert.ok(now.spoken && now.lines.length);
  });

test("the status bar shows the chat's own model, not just any", () => {
  assert.match(glance({ kind: "up", status: status({ residents: [resident("tiny")] }) }, "big").text, /circle-outline\) big/);
});

test("the editor's messages keep their parts, and results of tools go before what else is said", () => {
  const request = toRequest("m", [
    { role: 3, content: [{ value: "Be brief." }] },
    { role: 1, content: [{ value: "Hi" }, { callId: "c", content: [{ value: "42" }] }] },
    { role: 2, content: [{ callId: "d", name: "look", input: { at: 1 } }] },
  ], [{ name: "look", description: "", inputSchema: { type: "object" } }], true);
  assert.deepEqual(request.messages?.map(({ role }) => role), ["system", "tool", "user", "assistant"]);
  assert.deepEqual(request.messages?.[3]?.tool_calls, [{ id: "d", name: "look", arguments: '{"at":1}' }]);
  assert.equal(request.tool_choice?.mode, "MODE_REQUIRED");
});

test("a part that hob does not know is refused, not dropped", () => {
  assert.throws(() => toRequest("m", [{ role: 1, content: [{ strange: 1 }] }], [], false), /does not know/);
});

test("calls are told whole, and a cut one is no call", () => {
  const calls = new Calls();
  calls.take({ index: 0, id: "c", name: "look", arguments: '{"a"' });
  calls.take({ index: 0, id: "", name: "", arguments: ":1}" });
  assert.deepEqual(calls.whole(), [{ id: "c", name: "look", input: { a: 1 } }]);
  calls.take({ index: 1, id: "d", name: "look", arguments: '{"a"' });
  assert.throws(() => calls.whole(), /cut short/);
});

test("the program is looked for in absolute folders alone", () => {
  assert.equal(locate("sh", "/usr/bin:/bin")?.endsWith("/sh"), true);
  assert.equal(locate("./sh", "/bin"), undefined);
  assert.equal(locate("sh", "."), undefined);
  assert.equal(locate("/bin", ""), undefined);
});

test("words for a shell stay words", () => {
  assert.equal(quoteForShell(["/a b/hob", "it's", "--x=$(y)", "models"]), `'/a b/hob' 'it'\\''s' '--x=$(y)' models`);
});
