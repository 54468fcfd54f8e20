/** The shape of a lease and its file. A lease is one containment order that was taken, until it ends. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../kit/clock.ts';
import type { Order } from '../../wire/index.ts';
import { type Effect, NOT_LOOKED } from './effect.ts';
import type { Held } from './groups.ts';

/** All but `active` are kept until the order can no longer be sent again. `done`: it was done, and nothing of it lasts. */
export type LeaseState = 'active' | 'done' | 'released' | 'expired' | 'refused' | 'failed';

export interface Lease {
  readonly order: string;
  readonly podUid: string;
  readonly containerName: string;
  readonly containerId: string;
  readonly workload: string;
  readonly networkDeny: boolean;
  readonly killOnExec: boolean;
  readonly execDeny: boolean;
  readonly cutProbes: boolean;
  /** Of networkDeny: what it lets through, as wire/allow.ts says. */
  readonly allow: readonly string[];
  readonly freeze: boolean;
  readonly kill: boolean;
  /** Of `kill`: all that was to be ended is. Until then an agent that starts again goes on with it. */
  readonly killed: boolean;
  /**
   * cgroups that were to be frozen or killed, written down before it is done: who starts after a death in between thaws
   * what must be thawed, and kills again only what was meant the first time.
   */
  readonly touched: readonly Held[];
  readonly effect: Effect;
  readonly reason: string;
  readonly actor: string;
  readonly incident: string;
  readonly receivedMs: number;
  /** Unix time at which it ends; the earlier of receipt + duration and not-after. */
  readonly untilMs: number;
  /** Until then the order is remembered, so that it is not taken twice. */
  readonly notAfterMs: number;
  /** Boot in which `untilNs` counts. */
  readonly boot: string;
  /** CLOCK_BOOTTIME ns as text: JSON has no such numbers. */
  readonly untilNs: string;
  readonly state: LeaseState;
  /** Why, when it was refused or failed. */
  readonly detail: string;
}

const FILE_VERSION = 1;
/** What files of before these fields were known mean. */
const BEFORE = {
  execDeny: false,
  allow: [],
  freeze: false,
  kill: false,
  killed: false,
  touched: [],
  effect: NOT_LOOKED,
} as const;

/** What the kernel keeps of an order's id. */
export function orderMark(id: string): bigint {
  return createHash('sha256').update(id).digest().readBigUInt64BE(0);
}

/** What an order becomes when it is received now, in the boot `at.boot`. */
export function leaseOf(
  order: Order,
  at: { readonly clock: Clock; readonly boot: string },
  outcome: Pick<Lease, 'state' | 'detail'>,
): Lease {
  const now = at.clock.wallMs();
  const untilMs = Math.min(now + order.leaseMs, order.notAfterMs);
  const { target } = order;
  return {
    order: order.id,
    podUid: target?.podUid ?? '',
    containerName: target?.containerName ?? '',
    containerId: target?.containerId ?? '',
    workload: target?.workload ?? '',
    networkDeny: order.networkDeny,
    killOnExec: order.killOnExec,
    execDeny: order.execDeny,
    cutProbes: order.cutProbes,
    allow: order.allow,
    freeze: order.freeze,
    kill: order.kill,
    killed: false,
    touched: [],
    effect: NOT_LOOKED,
    reason: order.reason,
    actor: order.actor,
    incident: order.incident,
    receivedMs: now,
    untilMs,
    notAfterMs: order.notAfterMs,
    boot: at.boot,
    untilNs: String(at.clock.bootNs() + BigInt(Math.max(0, untilMs - now)) * 1_000_000n),
    ...outcome,
  };
}

function isLease(value: unknown): value is Lease {
  const lease = value as Lease;
  return (
    typeof lease === 'object' &&
    lease !== null &&
    typeof lease.order === 'string' &&
    typeof lease.untilMs === 'number' &&
    typeof lease.notAfterMs === 'number' &&
    typeof lease.boot === 'string' &&
    /^\d{1,20}$/.test(lease.untilNs) &&
    typeof lease.state === 'string'
  );
}

/** The leases kept in a file; none when there is no file. @throws when it is there and is not what we wrote. */
export async function readLeases(path: string): Promise<Lease[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const value = JSON.parse(text) as { version?: unknown; leases?: unknown };
  if (value.version !== FILE_VERSION || !Array.isArray(value.leases) || !value.leases.every(isLease))
    throw new Error(`${path}: not a lease file of version ${FILE_VERSION}`);
  return value.leases.map((lease) => ({ ...BEFORE, ...lease }));
}

/** Replaces the file in one step and waits until it is on the disk. */
export async function writeLeases(path: string, leases: readonly Lease[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  const file = await open(aside, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ version: FILE_VERSION, leases }, null, 1)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
}
