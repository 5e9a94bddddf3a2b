// A conversation, and the one who carries it on.

import assert from "node:assert/strict";
import test from "node:test";
import { ChatController } from "../../src/chat/controller";
import { Conversation, MAX_TURNS, type Terms } from "../../src/chat/conversation";
import type { News } from "../../src/chat/messages";
import type { Told } from "../../src/daemon";
import { Fault } from "../../src/faults";

const TERMS: Terms = { model: "m", systemPrompt: "", maxTokens: 9, temperature: undefined, incognito: false };
const delta = (text: string, is_reasoning = false): Told => ({ delta: { answer: 0, text, num_tokens: 1, logprobs: [], is_reasoning } }) as Told;
const done = (finish_reason: string): Told => ({ done: { answers: [{ answer: 0, finish_reason, stop: "" }], receipt: null } }) as unknown as Told;
const textsOf = ({ messages }: ReturnType<Conversation["request"]>): unknown[] => (messages ?? []).map(({ role, content }) => [role, content?.[0]?.text]);

test("the request has what was said before, the question with its attachments, and no empty answer", () => {
  const talk = new Conversation();
  talk.ask("One?");
  talk.tell(delta("thinking", true));
  talk.tell(delta("First."));
  talk.attach({ name: "a.py", language: "python", text: "x = 1" });
  talk.ask("Two?");
  const request = talk.request({ ...TERMS, systemPrompt: "Be brief.", temperature: 0, incognito: true });
  assert.deepEqual(textsOf(request), [
    ["system", "Be brief."], ["user", "One?"], ["assistant", "First."], ["user", "Two?\n\na.py:\n```python\nx = 1\n```"],
  ]);
  assert.equal(request.sampling?.temperature, 0);
  assert.equal(request.options?.incognito, true);
});

test("no temperature is sent that nobody chose", () => {
  const talk = new Conversation();
  talk.ask("One?");
  assert.equal(talk.request(TERMS).sampling, undefined);
});

test("an answer that was cut says why", () => {
  const talk = new Conversation();
  talk.ask("One?");
  talk.tell(done("FINISH_REASON_MAX_TOKENS"));
  assert.match(talk.turns.at(-1)?.note ?? "", /maxTokens/);
});

test("bounds are refused with a sentence", () => {
  const talk = new Conversation();
  assert.throws(() => talk.ask("  "), /empty/);
  assert.throws(() => talk.ask("a".repeat(600_000)), /at most 524288/);
  for (let at = 0; at < 8; at += 1) talk.attach({ name: `${at}`, language: "", text: "" });
  assert.throws(() => talk.attach({ name: "9", language: "", text: "" }), /8 attachments/);
  for (let at = 0; at < MAX_TURNS / 2; at += 1) talk.ask("Again?");
  assert.throws(() => talk.ask("Again?"), /400 turns/);
});

interface Stage { controller: ChatController; news: News[] }
function stage(chat: (signal: AbortSignal) => AsyncGenerator<Told>): Stage {
  const news: News[] = [];
  const controller = new ChatController({
    daemon: () => ({ chat: (_request, signal) => chat(signal) }), terms: () => TERMS, changed: () => undefined, tell: (each) => news.push(each),
  });
  return { controller, news };
}

test("an answer is told as it comes, and is over once", async () => {
  const { controller, news } = stage(async function* () {
    yield delta("Hel");
    yield delta("lo");
    yield done("FINISH_REASON_EOS");
  });
  await controller.ask("Hi?");
  assert.equal(controller.conversation.turns.at(-1)?.text, "Hello");
  assert.equal(news.filter((each) => each.kind === "delta").map((each) => each.text).join(""), "Hello");
  assert.equal(controller.isAnswering, false);
});

test("a question that got no answer goes back to where it was typed, with what was attached", async () => {
  const { controller, news } = stage(async function* () { throw new Fault("daemon_unreachable", "no daemon answers at /x"); });
  controller.attach({ name: "a.py", language: "python", text: "x" });
  await controller.ask("Hi?");
  assert.equal(controller.conversation.turns.length, 0);
  assert.equal(controller.conversation.attached.length, 1);
  assert.deepEqual(news.slice(-2), [{ kind: "draft", text: "Hi?" }, { kind: "fault", text: "no daemon answers at /x" }]);
});

test("stopping ends the call, and keeps what there is", async () => {
  const { controller } = stage(async function* (signal) {
    yield delta("So far");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw new Fault("cancelled", "cancelled");
  });
  const asked = controller.ask("Hi?");
  await new Promise(setImmediate);
  await controller.stop();
  await asked;
  const last = controller.conversation.turns.at(-1);
  assert.deepEqual([last?.text, last?.note], ["So far", "stopped"]);
});

test("a second question waits for nobody: it is refused and kept", async () => {
  let release = (): void => undefined;
  const { controller, news } = stage(async function* () { await new Promise<void>((resolve) => (release = resolve)); });
  const first = controller.ask("One?");
  await controller.ask("Two?");
  assert.ok(news.some((each) => each.kind === "fault" && /under way/.test(each.text)));
  assert.ok(news.some((each) => each.kind === "draft" && each.text === "Two?"));
  await new Promise(setImmediate);
  release();
  await first;
});
