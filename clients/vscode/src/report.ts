// The page that "Show the Status" opens: what the daemon told just now, as plain text.
//
// Must never hold what was said to a model. Pure. Called by commands.ts.

import type { Locality } from "./locality";
import type { Status } from "./daemon";
import { bytes } from "./state";

export interface Report {
  readonly socket: string;
  readonly status: Status | undefined;
  readonly trouble: string;
  readonly completions: string;
  readonly locality: Locality | undefined;
}

export function report({ socket, status, trouble, completions, locality }: Report): string {
  const lines = ["hob", "", `socket       ${socket}`, ...(status ? daemonLines(status) : [`daemon       ${trouble}`])];
  lines.push(`completions  ${completions || "off"}`, "", "Does anything leave this machine?");
  lines.push(locality ? `  ${locality.headline}.` : "  It has not been checked; run \"hob: Check That Nothing Leaves This Machine\".");
  for (const line of locality?.lines ?? []) lines.push(`  - ${line}`);
  return `${lines.join("\n")}\n`;
}

function daemonLines(status: Status): string[] {
  const lines = [
    `daemon       ${status.version}, pid ${status.pid}, ${bytes(status.daemon_resident_bytes)}${status.draining ? ", shutting down" : ""}`,
    `confinement  ${status.confinement}`,
    `models in    ${status.models_dir}`,
    `offline      ${status.offline ? "yes" : "NO"} (${status.offline_decided_by})`,
    "",
    "In memory",
  ];
  for (const each of status.residents) {
    lines.push(`  ${each.model}: ${bytes(each.resident_bytes)}, ${each.num_running} answering, ${each.num_queued} waiting, context ${each.context_tokens} tokens`);
    lines.push(`    ${each.sandbox}${each.degraded ? `; degraded: ${each.degraded}` : ""}`);
  }
  if (!status.residents.length) lines.push("  nothing; the first question loads a model");
  for (const { device, budget_bytes, free_bytes } of status.memory) lines.push(`  ${device}: ${bytes(free_bytes)} free of ${bytes(budget_bytes)} for models`);
  return [...lines, ""];
}
