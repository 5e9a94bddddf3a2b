// What the bundle gets for Node's `net`: a socket that reaches a path, and nothing else.
//
// Must never let a host, a port or a descriptor through. The build puts it in the place of `net`, so that no
// package in the bundle can dial a network, whatever its own options, proxies or environment say.

import * as net from "net";

export const isIP = net.isIP;
export const isIPv4 = net.isIPv4;
export const isIPv6 = net.isIPv6;

/** A connection to a Unix socket or a named pipe. Anything else is refused before a socket exists. */
export function connect(options: unknown, listener?: () => void): net.Socket {
  const path = localPath(options);
  return net.connect({ path }, listener);
}
export const createConnection = connect;

export function createServer(): never {
  throw new Error("hob's extension listens nowhere; this is a bug, please report it");
}

/** Here only for `instanceof`: one that is made by hand is connected to nothing and cannot be. */
export class Socket extends net.Socket {
  override connect(...options: unknown[]): this {
    return super.connect({ path: localPath(options[0]) });
  }
}

function localPath(options: unknown): string {
  const path = typeof options === "object" && options !== null ? (options as { path?: unknown }).path : undefined;
  const names = Object.keys((options as object | undefined) ?? {});
  const isPath = typeof path === "string" && (path.startsWith("/") || path.startsWith("\\\\.\\pipe\\") || path.startsWith("//./pipe/"));
  if (!isPath || names.includes("host") || names.includes("port") || names.includes("fd"))
    throw new Error("hob's extension connects to the daemon's socket alone; this is a bug, please report it");
  return path;
}
