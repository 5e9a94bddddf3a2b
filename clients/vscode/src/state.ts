// What there is to say about the daemon at a glance: one state, a few words, and what to do about it.
//
// Must never be silent about a state in which nothing works. Pure. Called by the status bar, the chat and the tests.

import type { Status } from "./daemon";

/** What is known of the daemon now. */
export type Reached =
  | { readonly kind: "unknown" }
  | { readonly kind: "missing"; readonly program: string } // neither a daemon nor the program that starts one
  | { readonly kind: "down"; readonly reason: string }
  | { readonly kind: "shy"; readonly reason: string } // there, but this door does not grant looking at it
  | { readonly kind: "up"; readonly status: Status };

export interface Glance {
  readonly text: string;
  /** For people who hear it. */
  readonly spoken: string;
  readonly isTrouble: boolean;
  readonly lines: readonly string[];
}

/** `model`: the one that the chat uses; "": the daemon's default. */
export function glance(reached: Reached, model: string): Glance {
  switch (reached.kind) {
    case "unknown":
      return plain("$(loading~spin) hob", "hob: looking for the daemon", ["Looking for the daemon."]);
    case "missing":
      return trouble("not installed", [`There is no daemon, and no program \`${reached.program}\` that would start one.`]);
    case "down":
      return trouble("not running", [sentence(reached.reason)]);
    case "shy":
      return plain("$(circle-outline) hob", "hob: the daemon is there, and does not tell its state at this door", [sentence(reached.reason)]);
    case "up":
      return ofStatus(reached.status, model);
  }
}

function ofStatus(status: Status, model: string): Glance {
  const { residents, loading_models: loading } = status;
  if (status.draining) return trouble("shutting down", ["The daemon finishes what is under way and ends."]);
  const ready = residents.filter((each) => each.residency === "RESIDENCY_READY");
  const lines = [...ready.map(line), ...loading.map((name) => `${name}: loading`), ...pressure(status)];
  const mine = model ? ready.find((each) => each.model === model) : ready[0];
  if (loading.length && !mine) return plain(`$(loading~spin) ${loading[0]}`, `hob: ${loading[0]} is loading`, lines);
  if (mine) return plain(`$(flame) ${mine.model}`, `hob: ${mine.model} is in memory${mine.num_running ? " and answering" : ""}`, lines);
  const spoken = model ? `hob: ${model} is not in memory` : "hob: no model is in memory";
  return plain(`$(circle-outline) ${model || "hob"}`, spoken, lines.length ? lines : ["No model is in memory; the first question loads one."]);
}

function line({ model, resident_bytes, num_running, num_queued, degraded }: Status["residents"][number]): string {
  const busy = num_running || num_queued ? `, ${num_running} answering, ${num_queued} waiting` : ", idle";
  return `${model}: in memory, ${bytes(resident_bytes)}${busy}${degraded ? `, degraded (${degraded})` : ""}`;
}

function pressure({ memory_pressure: pressure }: Status): string[] {
  const gives = pressure?.yields;
  const isCalm = !gives || gives === "MEMORY_YIELD_UNSPECIFIED" || gives === "MEMORY_YIELD_NOTHING";
  return isCalm ? [] : ["The machine is short of memory; hob gives back what it can."];
}

export function bytes(count: number): string {
  const [scale, unit] = count < 1 << 30 ? [1 << 20, "MB"] : [1 << 30, "GB"];
  return `${(count / scale).toFixed(unit === "GB" ? 1 : 0)} ${unit}`;
}

function plain(text: string, spoken: string, lines: readonly string[]): Glance {
  return { text, spoken, isTrouble: false, lines };
}

function trouble(word: string, lines: readonly string[]): Glance {
  return { text: `$(warning) hob: ${word}`, spoken: `hob: ${word}`, isTrouble: true, lines };
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
