// What the bundle gets for Node's `http2`: sessions over a connection that exists already.
//
// Must never make a connection of its own, nor a server. The build puts it in the place of `http2`.

import * as http2 from "http2";

export const constants = http2.constants;

/** A session over what `createConnection` hands over, which has come from net.ts. */
export function connect(
  authority: string,
  options: http2.ClientSessionOptions,
  listener?: () => void,
): http2.ClientHttp2Session {
  if (typeof options?.createConnection !== "function")
    throw new Error("hob's extension dials through its own wall alone; this is a bug, please report it");
  return http2.connect(authority, options, listener);
}
