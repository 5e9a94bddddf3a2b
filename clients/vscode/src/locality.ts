// What may be said about whether anything left this machine, from what the daemon has just checked.
//
// Must never say more than was looked at: what did not hold, what could not be asked, and what nobody checks (the
// editor and its other extensions) is said as well. Pure. Called by the status bar and the commands.

import type { Attestation, Wires } from "./daemon";

/** Evidence that bears on a network; the rest of an attestation is told by its number. */
const NETWORK = new Set(["no_network_sockets", "no_connect", "no_local_sockets", "no_io_uring"]);
const UNCHECKED =
  "Not checked by hob: this editor, its other extensions, and the programs that talk to the daemon, with your rights.";

export interface Locality {
  /** True only if everything that was looked at held, and nothing was left out. */
  readonly isClean: boolean;
  /** One sentence, for the status bar. */
  readonly headline: string;
  /** The rest, a sentence each. */
  readonly lines: readonly string[];
}

/** `refusals`: why one or the other could not be asked. */
export function judge(
  attestation: Attestation | undefined,
  wires: Wires | undefined,
  refusals: readonly string[],
  at: string,
): Locality {
  const lines = [...network(attestation), ...others(attestation), ...wiresOf(wires), ...refusals, UNCHECKED];
  const open = wires?.wires.filter((wire) => wire.state === "on") ?? [];
  const gaps = attestation?.evidence.filter((each) => !each.held && NETWORK.has(each.property)) ?? [];
  const workers = attestation?.evidence.some((each) => NETWORK.has(each.property)) ?? false;
  if (!attestation || !wires || !workers)
    return { isClean: false, headline: `It could not be checked whether anything can leave (${at})`, lines };
  if (gaps.length || open.length) {
    const names = [...new Set([...gaps.map((gap) => gap.subject), ...open.map((wire) => wire.name)])];
    return { isClean: false, headline: `Not every way out is shut: ${names.join(", ")} (checked ${at})`, lines };
  }
  return { isClean: true, headline: `Nothing can leave by way of hob: its daemon and workers cannot use a network (checked ${at})`, lines };
}

function network(attestation: Attestation | undefined): string[] {
  const found = attestation?.evidence.filter((each) => NETWORK.has(each.property)) ?? [];
  const failed = found.filter((each) => !each.held);
  if (!found.length) return [];
  const subjects = [...new Set(found.map((each) => each.subject))].join(", ");
  if (!failed.length) return [`${found.length} attempts and looks at connections were refused or found nothing, in: ${subjects}.`];
  return failed.map((each) => `${each.subject}: ${each.property} did NOT hold (${each.observed}).${remedy(each.remedy)}`);
}

function others(attestation: Attestation | undefined): string[] {
  const found = attestation?.evidence.filter((each) => !NETWORK.has(each.property)) ?? [];
  const failed = found.filter((each) => !each.held);
  if (!found.length) return [];
  if (!failed.length) return [`All ${found.length} other properties held.`];
  const names = failed.map((each) => `${each.subject}: ${each.property} did NOT hold.${remedy(each.remedy)}`);
  return [`${found.length - failed.length} of ${found.length} other properties held.`, ...names];
}

function wiresOf(told: Wires | undefined): string[] {
  if (!told) return [];
  const switched = told.offline ? "The offline switch is on" : "The offline switch is OFF";
  const open = told.wires.filter((wire) => wire.state === "on");
  const off = told.wires.length - open.length;
  const names = open.map((wire) => `${wire.name} is on, and may reach ${wire.reaches} (${wire.evidence}).`);
  return [`${switched} (${told.offline_decided_by}); ${off} of ${told.wires.length} wires are off or absent.`, ...names];
}

const remedy = (text: string): string => (text ? ` To mend it: ${text}` : "");
