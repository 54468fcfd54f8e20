/**
 * What a network containment lets through all the same, one rule a text, as it stands in policies, orders and leases:
 *
 *     dns                        the DNS servers of the node's pods
 *     to 10.0.0.0/8 tcp 5432     what the container begins, to these ports of the peer
 *     from 10.1.0.7 tcp 80-90    what the peer begins, to these ports of the container
 *     to fd00::7                 without ports: all of IP
 *
 * Ports without a protocol are TCP's, and so is all that a peer begins: only of TCP can be told who begins. Datagrams that
 * a peer may send to a port can be answered, or begun, from that port.
 */
import { BlockList, isIP } from 'node:net';

export const DNS = 'dns';
/** Rules in one order; the kernel takes 32 peers, and dns is two for each of at most three servers. */
export const MAX_ALLOWED = 24;
/** resolv.conf(5): MAXNS. */
export const MAX_DNS_SERVERS = 3;

export interface AllowedPeer {
  readonly direction: 'to' | 'from';
  readonly address: string;
  /** Of the address, from its begin; what is behind them is any. */
  readonly bits: number;
  readonly protocol: 'any' | 'tcp' | 'udp';
  readonly low: number;
  readonly high: number;
}

const RULE = /^(to|from) ([0-9a-fA-F:.]{2,45})(?:\/(\d{1,3}))?(?: (tcp|udp))?(?: (\d{1,5})(?:-(\d{1,5}))?)?$/;
const MAX_PORT = 65_535;

/** IPv4 in IPv6's clothes is IPv4 on the wire, which a rule of that form would never fit. */
const isMapped = (address: string): boolean => {
  const mapped = new BlockList();
  mapped.addSubnet('::ffff:0:0', 96, 'ipv6');
  return mapped.check(address, 'ipv6');
};

/** A rule as a peer; `dns` as null; what is no rule as the words for why. */
export function parseAllowed(text: string): AllowedPeer | string | null {
  if (text === DNS) return null;
  const [, direction, address = '', prefix, protocol, from, to] = RULE.exec(text) ?? [];
  const family = isIP(address);
  if (direction === undefined || family === 0)
    return `${JSON.stringify(text.slice(0, 80))} is not dns, or to|from ADDRESS[/PREFIX] [tcp|udp] [PORT[-PORT]]`;
  if (family === 6 && isMapped(address)) return `${address}: write it as the IPv4 address that it is`;
  const most = family === 4 ? 32 : 128;
  const bits = prefix === undefined ? most : Number(prefix);
  if (bits > most) return `${address}/${bits}: a prefix has at most ${most} bits`;
  const low = from === undefined ? 0 : Number(from);
  const high = from === undefined ? MAX_PORT : Number(to ?? from);
  if (high > MAX_PORT || low > high || (from !== undefined && low === 0))
    return `${JSON.stringify(text)}: ports are 1 to ${MAX_PORT}, the lower first`;
  if (direction === 'from' && protocol === 'udp' && from === undefined)
    return `${JSON.stringify(text)}: of datagrams nobody can tell who began; name the container's port`;
  const spoken = protocol ?? (from === undefined && direction === 'to' ? 'any' : 'tcp');
  return {
    direction: direction === 'to' ? 'to' : 'from',
    address,
    bits,
    protocol: spoken as AllowedPeer['protocol'],
    low,
    high,
  };
}

/** What is wrong with a list of rules, each in words; none: it can be ordered. */
export function allowedProblems(rules: readonly string[]): string[] {
  const problems = rules.map(parseAllowed).filter((found) => typeof found === 'string');
  return rules.length > MAX_ALLOWED
    ? [...problems, `${rules.length} rules; at most ${MAX_ALLOWED}`]
    : problems;
}

/** The peers of rules that have no problem, `dns` being these servers. */
export function allowedPeers(rules: readonly string[], dnsServers: readonly string[]): AllowedPeer[] {
  return rules.flatMap((rule) => {
    const found = parseAllowed(rule);
    if (typeof found === 'string') return [];
    if (found !== null) return [found];
    return dnsServers
      .slice(0, MAX_DNS_SERVERS)
      .flatMap((server) => [`to ${server} udp 53`, `to ${server} tcp 53`])
      .flatMap((text) => allowedPeers([text], []));
  });
}

/** Whether a rule lets the container begin something with this peer. */
export function letsOut(peer: AllowedPeer, to: { address: string; protocol: string; port: number }): boolean {
  const family = isIP(peer.address) === 4 ? 'ipv4' : 'ipv6';
  if (peer.direction !== 'to' || (peer.protocol !== 'any' && peer.protocol !== to.protocol)) return false;
  if (to.port < peer.low || to.port > peer.high || isIP(to.address) !== isIP(peer.address)) return false;
  const net = new BlockList();
  net.addSubnet(peer.address, peer.bits, family);
  return net.check(to.address, family);
}
