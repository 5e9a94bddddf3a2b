// What the bundle gets for modules that it must not have: names, and an error for whoever uses one.
//
// Must never do anything. The build puts it in the place of `tls`, `dns`, `http`, `https` and their like, which
// gRPC imports for transports that the extension has no use for.

function refuse(): never {
  throw new Error("hob's extension reaches the daemon's socket alone; this is a bug, please report it");
}

export const promises = { Resolver: refuse, resolve: refuse, lookup: refuse };
export const checkServerIdentity = refuse;
export const connect = refuse;
export const createSecureContext = refuse;
export const lookup = refuse;
export const request = refuse;
export const get = refuse;
export class TLSSocket {
  constructor() {
    refuse();
  }
}
