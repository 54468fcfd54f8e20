/** Leases on fakes of the kernel and of cgroup files, with a clock that is given. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import type { Groups, Held } from '../../../agent/contain/groups.ts';
import { Leases } from '../../../agent/contain/leases.ts';
import type { LeaseContainer } from '../../../agent/contain/target.ts';
import { createVerifier } from '../../../agent/contain/verify.ts';
import { givenClock } from '../../../kit/clock.ts';
import {
  encodeOrder,
  type Input,
  type Order,
  type OrderReport,
  type SignedOrder,
} from '../../../wire/index.ts';
import { fakeContainments } from '../../fakes/containments.ts';

export const folder = mkdtempSync(join(tmpdir(), 'picket-leases-'));
afterAll(() => rmSync(folder, { recursive: true }));

export const MINUTE = 60_000;
export const WALL = 1_800_000_000_000;
export const BOOT_NS = 5_000_000_000_000n;
export const UID = '4c1f0a52-0b7e-4b6e-9d5d-8c1b2a3d4e5f';
export const keys = generateKeyPairSync('ed25519');
export const others = generateKeyPairSync('ed25519');
const publicKey = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const started: Leases[] = [];
afterEach(async () => {
  for (const leases of started.splice(0)) await leases.stop();
});

export function container(cgroup: number, more: Partial<LeaseContainer['identity']> = {}): LeaseContainer {
  const id = String(cgroup).repeat(64).slice(0, 64);
  const identity = {
    name: 'web',
    pod: 'web-1',
    podUid: UID,
    namespace: 'shop',
    workload: 'local/shop/Deployment/web/web',
    image: '',
    imageDigest: '',
    ...more,
  };
  return { id, kind: 'container', cgroup, path: `/kubepods/pod${UID}/${id}`, madeAt: null, identity };
}

export function order(more: Input<Order> = {}): Input<Order> {
  return {
    id: 'ord-1',
    cluster: 'local',
    node: 'node-a',
    kind: 'contain',
    target: { podUid: UID, containerName: 'web' },
    networkDeny: true,
    leaseMs: 10 * MINUTE,
    notAfterMs: WALL + 60 * MINUTE,
    reason: 'a test',
    actor: 'policy:test',
    ...more,
  };
}

export function signed(content: Input<Order>, by = keys.privateKey, keyId = 'key-1'): SignedOrder {
  const payload = encodeOrder(content);
  return { payload, keyId, signature: sign(null, payload, by) };
}

/** cgroups' own files as a map; every call, in order. */
export function fakeGroups() {
  const frozen = new Set<number>();
  const calls: string[] = [];
  const groups: Groups & { failure: string | null } = {
    failure: null,
    async freeze({ cgroup }: Held, on) {
      calls.push(`${on ? 'freeze' : 'thaw'} ${cgroup}`);
      if (this.failure !== null) throw new Error(this.failure);
      if (on) frozen.add(cgroup);
      else frozen.delete(cgroup);
      return on ? 'frozen' : 'running';
    },
    frozen: async ({ cgroup }) => (frozen.has(cgroup) ? 'frozen' : 'running'),
    async kill({ cgroup }) {
      calls.push(`kill ${cgroup}`);
      return 0;
    },
  };
  return { groups, frozen, calls };
}

export const REFUSED = { tcp4: 1, tcp6: 1, udp4: 1, udp6: 1 };

export interface World {
  readonly path?: string;
  readonly boot?: string;
  readonly live?: LeaseContainer[];
  readonly enabled?: boolean;
  readonly ownCgroup?: string;
  readonly atMs?: number;
  readonly containments?: ReturnType<typeof fakeContainments>;
  readonly held?: ReturnType<typeof fakeGroups>;
  readonly tries?: typeof REFUSED | 'none';
  /** What the peers of an allow-list say, tried from inside; 0: let through. */
  readonly peers?: number;
  /** What executing a program says, tried from inside; 1: refused. */
  readonly exec?: number | 'none';
  readonly dnsServers?: readonly string[];
}

let files = 0;
export function world(options: World = {}) {
  const atMs = options.atMs ?? 0;
  const clock = givenClock({ bootNs: BOOT_NS + BigInt(atMs) * 1_000_000n, wallMs: WALL + atMs });
  const containments = options.containments ?? fakeContainments();
  const held = options.held ?? fakeGroups();
  const reports: Input<OrderReport>[] = [];
  const errors: unknown[] = [];
  const asked: string[] = [];
  const live = options.live ?? [container(42)];
  const path = options.path ?? join(folder, `leases-${files++}.json`);
  const leases = new Leases({
    path,
    boot: options.boot ?? 'boot-1',
    clock,
    containments,
    verifier: () => createVerifier({ cluster: 'local', node: 'node-a', keys: [{ id: 'key-1', publicKey }] }),
    groups: held.groups,
    tryInside: async () => {
      if (options.tries === 'none') throw new Error('no process in it');
      return options.tries ?? REFUSED;
    },
    tryPeers: async ({ peers }) => {
      asked.push(...peers.map(({ address, protocol, port }) => `${address} ${protocol} ${port}`));
      return peers.map(() => options.peers ?? 0);
    },
    tryExec: async () => {
      if (options.exec === 'none') throw new Error('no process in it');
      return options.exec ?? 1;
    },
    dnsServers: () => options.dnsServers ?? [],
    cgroupRoot: '/sys/fs/cgroup',
    ownCgroup: options.ownCgroup ?? '/system.slice/picket.service',
    enabled: options.enabled ?? true,
    live: () => live,
    report: (report) => reports.push(report),
    log: () => undefined,
    onError: (error) => errors.push(error),
  });
  started.push(leases);
  const outcomes = (): string[] => reports.map(({ order: id, state }) => `${id} ${state}`);
  return { leases, clock, containments, held, reports, outcomes, errors, asked, live, path };
}
