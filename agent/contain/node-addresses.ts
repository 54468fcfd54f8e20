/** Addresses that the node's own probes (liveness, readiness) come from. */
import { networkInterfaces } from 'node:os';

/** What `Containments.setNodeAddresses` takes. */
const MAX_ADDRESSES = 64;

/** The node's addresses without loopback and without zone, each once, at most 64. */
export function nodeAddresses(interfaces = networkInterfaces()): string[] {
  const found = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address.replace(/%.*$/, ''));
  return [...new Set(found)].slice(0, MAX_ADDRESSES);
}
