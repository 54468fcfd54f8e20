/**
 * The sandbox's network: a bridge in a namespace of its own for the containers (10.77.0.0/24) and, one router
 * hop away, an "outside" namespace (10.99.0.0/24). Neither has a way to the machine's network.
 */
import { readdirSync } from 'node:fs';
import { must, run } from './run.ts';

const LAN = '10.77.0';
/** Where the attacker's server listens. */
export const OUTSIDE_ADDRESS = '10.99.0.2';
const NAMESPACES = '/run/netns';

const namespaceOf = (sandbox: string, name: string): string => `${sandbox}-${name}`;

/** Path of a namespace, for runc. */
export function namespacePath(sandbox: string, name: string): string {
  return `${NAMESPACES}/${namespaceOf(sandbox, name)}`;
}

const inside = (namespace: string, ...command: string[]): Promise<string> =>
  must('ip', ['-n', namespace, ...command]);

async function addNamespace(sandbox: string, name: string): Promise<string> {
  const namespace = namespaceOf(sandbox, name);
  await must('ip', ['netns', 'add', namespace]);
  await inside(namespace, 'link', 'set', 'lo', 'up');
  return namespace;
}

/** Makes the bridge and the outside. */
export async function createNetwork(sandbox: string): Promise<void> {
  const lan = await addNamespace(sandbox, 'lan');
  const outside = await addNamespace(sandbox, 'outside');
  await inside(lan, 'link', 'add', 'bridge', 'type', 'bridge');
  await inside(lan, 'address', 'add', `${LAN}.1/24`, 'dev', 'bridge');
  await inside(lan, 'link', 'set', 'bridge', 'up');
  await inside(lan, 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside);
  await inside(lan, 'address', 'add', '10.99.0.1/24', 'dev', 'uplink');
  await inside(lan, 'link', 'set', 'uplink', 'up');
  await inside(outside, 'address', 'add', `${OUTSIDE_ADDRESS}/24`, 'dev', 'eth0');
  await inside(outside, 'link', 'set', 'eth0', 'up');
  await inside(outside, 'route', 'add', 'default', 'via', '10.99.0.1');
  await must('ip', ['netns', 'exec', lan, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
}

/** A namespace for a container, on the bridge; returns its address. `host` is the last byte, 2 to 254. */
export async function joinNetwork(sandbox: string, name: string, host: number): Promise<string> {
  const address = `${LAN}.${host}`;
  const namespace = await addNamespace(sandbox, name);
  const lan = namespaceOf(sandbox, 'lan');
  await inside(lan, 'link', 'add', `to-${host}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await inside(lan, 'link', 'set', `to-${host}`, 'master', 'bridge', 'up');
  await inside(namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
  await inside(namespace, 'link', 'set', 'eth0', 'up');
  await inside(namespace, 'route', 'add', 'default', 'via', `${LAN}.1`);
  return address;
}

/** Names of this sandbox's namespaces that exist. */
export function networkLeftovers(sandbox: string): string[] {
  try {
    return readdirSync(NAMESPACES).filter((name) => name.startsWith(`${sandbox}-`));
  } catch {
    return []; // no namespace was ever named on this machine
  }
}

/** The interfaces go with their namespaces. */
export async function removeNetwork(sandbox: string): Promise<void> {
  for (const name of networkLeftovers(sandbox)) await run('ip', ['netns', 'delete', name]);
}
