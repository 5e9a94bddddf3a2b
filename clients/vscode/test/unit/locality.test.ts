// What is said about whether anything can leave.

import assert from "node:assert/strict";
import test from "node:test";
import type { Attestation, Wires } from "../../src/daemon";
import { judge } from "../../src/locality";

const evidence = (property: string, held = true, subject = "daemon"): Attestation["evidence"][number] => ({
  property, subject, held, observed: "EACCES", source: "tried", pid: 1, remedy: held ? "" : "restart it",
});
const attested = (...all: Attestation["evidence"]): Attestation => ({ evidence: all, all_held: all.every(({ held }) => held), at: null });
const wires = (state = "off", offline = true): Wires => ({
  wires: [{ name: "model_downloads", state, reaches: "hosts", evidence: "a program" }], offline, offline_decided_by: "default",
});
const CLOSED = attested(evidence("no_network_sockets"), evidence("no_connect"), evidence("not_dumpable"));

test("when all held, it is said with the time, and with what nobody checked", () => {
  const said = judge(CLOSED, wires(), [], "12:00");
  assert.ok(said.isClean);
  assert.match(said.headline, /Nothing can leave by way of hob.*12:00/);
  assert.ok(said.lines.some((line) => /Not checked by hob: this editor/.test(line)));
});

for (const property of ["no_network_sockets", "no_connect"])
  test(`a wall that does not stand is told by name: ${property}`, () => {
    const said = judge(attested(evidence("no_connect"), evidence(property, false, "worker tiny")), wires(), [], "12:00");
    assert.ok(!said.isClean);
    assert.match(said.headline, /worker tiny/);
    assert.ok(said.lines.some((line) => line.includes(`${property} did NOT hold`) && line.includes("restart it")));
  });

test("a wire that is on is told, and where it leads", () => {
  const said = judge(CLOSED, wires("on"), [], "12:00");
  assert.ok(!said.isClean && said.headline.includes("model_downloads"));
  assert.ok(said.lines.some((line) => line.includes("may reach hosts")));
});

test("what could not be asked is never said to hold", () => {
  for (const [attestation, told] of [[undefined, wires()], [CLOSED, undefined], [attested(), wires()], [attested(evidence("not_dumpable")), wires()]] as const) {
    const said = judge(attestation, told, ["this door does not grant it."], "12:00");
    assert.ok(!said.isClean);
    assert.match(said.headline, /could not be checked/);
    assert.ok(said.lines.includes("this door does not grant it."));
  }
});

test("a fault that has nothing to do with a network is told, and is no way out", () => {
  const said = judge(attested(evidence("no_connect"), evidence("swap", false, "machine")), wires(), [], "12:00");
  assert.ok(said.isClean);
  assert.ok(said.lines.some((line) => line.includes("machine: swap did NOT hold")));
});

test("the offline switch is told as it stands", () => {
  assert.ok(judge(CLOSED, wires("off", false), [], "").lines.some((line) => line.includes("offline switch is OFF")));
});
