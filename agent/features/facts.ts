/** From an event or a flow to its fact. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { DnsEvent, Event, ExecEvent, FlowEnds, NovelEvent } from '../events/event.ts';
import { isFirst, isRuntimeName } from '../identity/runtimes.ts';
import { actionShape } from './action.ts';
import { capabilityName } from './capability.ts';
import { commandShape } from './command.ts';
import { generaliseName } from './dns-name.ts';
import type { Fact } from './fact.ts';
import { bounded, generalisePath, programName } from './generalise.ts';

// Ports from which Linux picks for connections out (ip_local_port_range); a peer's port above it says nothing.
const EPHEMERAL = 32_768;

/** What is known of a peer: the workload that it is here, `namespace/Kind/name`, or the DNS name that led to it. */
export interface PeerKnown {
  readonly workload: string | null;
  readonly name: string | null;
}
export type PeerOf = (address: string) => PeerKnown;

const peerText = (address: string, { workload, name }: PeerKnown): string =>
  workload ?? (name === null ? address : generaliseName(name));

function flowFact(flow: FlowEnds, peerOf: PeerOf): Fact {
  const protocol = flow.protocol === 'udp' ? 'udp/' : '';
  if (flow.direction === 'accept') return { kind: 'accept', value: `${protocol}${flow.port}` };
  const port = flow.port >= EPHEMERAL ? '*' : String(flow.port);
  return { kind: 'connect', value: bounded(`${protocol}${peerText(flow.peer, peerOf(flow.peer))}:${port}`) };
}

interface Reached {
  /** `udp/`, or empty for TCP. */
  readonly protocol: string;
  readonly host: string;
  readonly port: string;
}

/** Whom a connection is to; null of other facts. */
function reachedBy({ kind, value }: Fact): Reached | null {
  const [, protocol = '', host, port] = /^(udp\/)?(.+):(\d+|\*)$/.exec(value) ?? [];
  return kind !== 'connect' || host === undefined || port === undefined ? null : { protocol, host, port };
}

/** The address that a connection is to where its peer has no name; null of other facts. */
export function addressOf(fact: Fact): string | null {
  const { host = '' } = reachedBy(fact) ?? {};
  return isIP(host) === 0 ? null : host;
}

/** The name that was asked for, of a connection to a peer that is known by it; null of others. */
export function nameOf(fact: Fact): string | null {
  const { host = '' } = reachedBy(fact) ?? {};
  return host === '' || host.includes('/') || isIP(host) !== 0 ? null : host;
}

/** Private, shared, link-local and unique local addresses (RFC 1918, 6598, 3927, 4193, 4291): where clusters have pods and services. */
const NEAR = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const)
  NEAR.addSubnet(network, prefix, 'ipv4');
NEAR.addSubnet('fc00::', 7, 'ipv6');
NEAR.addSubnet('fe80::', 10, 'ipv6');

/** Whether the address may be one of the cluster or of the network around it. Also of IPv4 addresses within IPv6. */
export const isNear = (address: string): boolean => NEAR.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

/** Names of services and pods, below whatever domain the cluster has, and those of one label, which only a search list completes. */
export function isClusterName(name: string): boolean {
  const [, ...above] = name.toLowerCase().replace(/\.$/, '').split('.');
  return above.length === 0 || above.includes('svc') || above.includes('pod') || above.at(-1) === 'local';
}

/** Whether a connection is to a peer outside the cluster, by its address and the name that was asked for. */
export const isOutside = (address: string | null, name: string): boolean =>
  !isClusterName(name) && (address === null || !isNear(address));

/** A connection to an address as it would be told where the address had one of these names; none of what is no address. */
export function underNames(fact: Fact, namesOf: (address: string) => Iterable<string>): readonly Fact[] {
  const reached = reachedBy(fact);
  if (reached === null || isIP(reached.host) === 0) return [];
  const { protocol, host, port } = reached;
  return [...namesOf(host)].map((name) => ({
    kind: fact.kind,
    value: bounded(`${protocol}${generaliseName(name)}:${port}`),
  }));
}

const pathOf = (event: NovelEvent): string =>
  `${generalisePath(event.path)}${event.deleted ? ' (deleted)' : ''}`;

function novelFact(event: NovelEvent): Fact {
  switch (event.what) {
    case 'folder-read':
      return { kind: 'folder', value: bounded(`r ${pathOf(event)}`) };
    case 'folder-write':
      return { kind: 'folder', value: bounded(`w ${pathOf(event)}`) };
    case 'library':
      return { kind: 'library', value: bounded(pathOf(event)) };
    case 'capability':
      return { kind: 'capability', value: capabilityName(event.capability) };
    case 'listen': {
      const port = event.port >= EPHEMERAL ? '*' : String(event.port);
      return { kind: 'listen', value: `${event.protocol}:${port}` };
    }
  }
}

/**
 * The parent's name. What enters a container from outside, as its first process or later, is started by the runtime, or by
 * whatever took the process over from it: which of them the kernel names depends on who ended first.
 */
const starterOf = (event: ExecEvent): string =>
  isFirst(event) || isRuntimeName(event.parentExe) ? 'runtime' : programName(event.parentExe);

/** What is asked for is the container's doing, what comes back is not. */
export function factOfQuestion({ name, type }: Pick<DnsEvent, 'name' | 'type'>): Fact | null {
  if (name === '') return null;
  const kind = type === 'A' || type === 'AAAA' ? '' : `${type} `;
  return { kind: 'name', value: bounded(`${kind}${generaliseName(name)}`) };
}

/** The fact of an event; null for events that say nothing about behaviour (exits, cgroups, denials). */
export function factOf(event: Event, peerOf: PeerOf): Fact | null {
  switch (event.kind) {
    case 'exec': {
      const shape = commandShape(event.exe, event.args);
      const path = generalisePath(event.path);
      const value = `${starterOf(event)} > ${path}${shape === '' ? '' : ` ${shape}`}`;
      return { kind: 'exec', value: bounded(value) };
    }
    case 'open': {
      const mode = event.write ? 'w' : 'r';
      return {
        kind: 'file',
        value: bounded(`${programName(event.exe)} ${mode} ${generalisePath(event.path)}`),
      };
    }
    case 'flow':
      return flowFact(event, peerOf);
    case 'action':
      // An OOM kill is done to the workload, not by it.
      return event.action === 'oom-kill' ? null : { kind: 'action', value: bounded(actionShape(event)) };
    case 'novel':
      return novelFact(event);
    case 'dns':
      return event.what === 'question' ? factOfQuestion(event) : null;
    default:
      return null;
  }
}

/** The fact of an entry of the flow map. */
export const factOfEnds = flowFact;
