/** Where the rule `dns` of an allow-list goes. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { MAX_DNS_SERVERS } from '../../wire/index.ts';

/** resolv.conf(5): one server a line; a zone is of this machine's interfaces only. */
export function serversIn(text: string): string[] {
  const found = text
    .split('\n')
    .map((line) => /^\s*nameserver\s+([^\s%#;]+)/.exec(line)?.[1] ?? '')
    .filter((address) => isIP(address) !== 0);
  return [...new Set(found)].slice(0, MAX_DNS_SERVERS);
}

/**
 * What is set, else what the agent itself asks: in a cluster the kubelet writes it there as for any pod. Never a container's
 * own resolv.conf, which who is contained may have written. None that can be read: `dns` lets nothing through.
 */
export function dnsServers(set: readonly string[], file = '/etc/resolv.conf'): string[] {
  if (set.length > 0) return set.filter((address) => isIP(address) !== 0).slice(0, MAX_DNS_SERVERS);
  try {
    return serversIn(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}
