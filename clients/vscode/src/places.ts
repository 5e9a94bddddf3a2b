// Where the daemon's socket is, as proto/hob/address.py says it; a test holds the two together.
//
// Must never let a text through that is not an absolute path: gRPC hands all other targets to a resolver.
// Pure but for what it is given to look with. Called by daemon.ts.

/** What of the machine the answer depends on. */
export interface Machine {
  readonly platform: string;
  readonly uid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The user that owns a directory; undefined where there is none. */
  readonly ownerOf: (path: string) => number | undefined;
}

/** The door: the one named by the user, else `$HOB_SOCKET`, else the user's own. */
export function resolveSocket(named: string, machine: Machine): string {
  const path = named || machine.environment["HOB_SOCKET"] || usualSocket(machine);
  if (!path.startsWith("/") || path.includes("\0"))
    throw new Error(`the socket ${JSON.stringify(path)} is not an absolute path; name one that begins with /`);
  const most = machine.platform === "linux" ? 107 : 103;
  if (Buffer.byteLength(path) > most)
    throw new Error(`the socket path ${path} is longer than the ${most} bytes the system allows; name a shorter one`);
  if (!named && !machine.environment["HOB_SOCKET"]) checkOwner(path, machine);
  return path;
}

function usualSocket({ environment, platform, uid, ownerOf }: Machine): string {
  if (environment["XDG_RUNTIME_DIR"]) return `${environment["XDG_RUNTIME_DIR"]}/hob/hob.sock`;
  if (platform === "linux" && ownerOf(`/run/user/${uid}`) === uid) return `/run/user/${uid}/hob/hob.sock`;
  return `${environment["TMPDIR"] ?? "/tmp"}/hob-${uid}/hob.sock`;
}

/** The usual place may be below /tmp, where somebody else could wait for our prompts first. */
function checkOwner(path: string, { ownerOf, uid }: Machine): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const owner = ownerOf(folder);
  if (owner !== undefined && owner !== uid && owner !== 0)
    throw new Error(`${folder} belongs to user ${owner}, not to you; name another place in the setting hob.socket`);
}

/** The gRPC target of a resolved path. */
export function target(path: string): string {
  return `unix:${path}`;
}
