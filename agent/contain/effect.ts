/** Whether what an order asked for is so, looked at from inside, and what stays open all the same. */
import type { Containments, Hook, NetworkTries } from '../../native/index.ts';
import type { Groups } from './groups.ts';
import type { Lease } from './lease.ts';
import type { LeaseContainer } from './target.ts';

/**
 * tried: each thing that can be tried was, and was refused. read-back: the kernel says so, some of it was not tried.
 * no: something is not as it should be. Empty: there was no container to look at, or nothing that lasts.
 */
export type Verified = '' | 'tried' | 'read-back' | 'no';
export interface Effect {
  readonly verified: Verified;
  readonly proof: readonly string[];
  readonly open: readonly string[];
}
export const NOT_LOOKED: Effect = { verified: '', proof: [], open: [] };

export interface EffectParts {
  readonly containments: Pick<Containments, 'list' | 'hooks'>;
  readonly cgroupRoot: string;
  /** Null: cgroups cannot be frozen or killed here. */
  readonly groups: Groups | null;
  readonly tryInside: (at: { cgroup: number; cgroupPath: string }) => Promise<NetworkTries>;
}

/** Whether anything of it lasts; what is only killed is done at once. */
export const lasts = ({
  networkDeny,
  killOnExec,
  freeze,
}: Pick<Lease, 'networkDeny' | 'killOnExec' | 'freeze'>): boolean => networkDeny || killOnExec || freeze;

const EPERM = 1;
const KILL_ON_EXEC = 'kill_on_exec';
/** Entries of what a report says, as central takes them. */
const MOST = 32;

export type Found = readonly [Exclude<Verified, ''>, string];

const notAttached = (hooks: readonly Hook[]): readonly Hook[] =>
  hooks.filter(({ state }) => state !== 'attached');

async function network(parts: EffectParts, { cgroup, path }: LeaseContainer): Promise<Found> {
  const missing = notAttached(parts.containments.hooks).filter(({ program }) => program !== KILL_ON_EXEC);
  if (missing.length > 0)
    return ['no', `network: ${missing.map(({ program }) => program).join(', ')} missing`];
  try {
    const said = await parts.tryInside({ cgroup, cgroupPath: `${parts.cgroupRoot}${path}` });
    const ways = Object.entries(said).filter(([, error]) => error !== null);
    const open = ways.filter(([, error]) => error !== EPERM);
    if (open.length > 0)
      return ['no', `network: from inside ${open.map(([way]) => way).join(', ')} got through`];
    return ['tried', `network: from inside ${ways.map(([way]) => way).join(', ')} refused`];
  } catch (error) {
    return ['read-back', `network: entry and programs read back; not tried: ${(error as Error).message}`];
  }
}

function exec(parts: EffectParts): Found {
  const hook = parts.containments.hooks.find(({ program }) => program === KILL_ON_EXEC);
  return hook?.state === 'attached'
    ? ['read-back', 'programs: entry and program read back']
    : ['no', `programs: ${KILL_ON_EXEC} is ${hook?.state ?? 'absent'}`];
}

async function freeze(parts: EffectParts, container: LeaseContainer): Promise<Found> {
  const found = (await parts.groups?.frozen(container)) ?? 'running';
  return found === 'running'
    ? ['no', 'freeze: the cgroup is not frozen']
    : ['tried', `freeze: cgroup ${found}`];
}

async function entryOf(parts: EffectParts, lease: Lease, container: LeaseContainer): Promise<Found[]> {
  const entry = parts.containments.list().find(({ cgroup }) => cgroup === container.cgroup);
  if (entry === undefined) return [['no', `${container.id.slice(0, 12)}: no entry in the kernel`]];
  // A frozen child could not try anything.
  const still = parts.groups !== null && (await parts.groups.frozen(container)) === 'frozen';
  const frozen = (): Promise<never> => Promise.reject(new Error('the container is frozen'));
  return [
    ...(lease.networkDeny ? [await network(still ? { ...parts, tryInside: frozen } : parts, container)] : []),
    ...(lease.killOnExec ? [exec(parts)] : []),
  ];
}

/** Looks at what the kernel programs do for a lease; to be done before anything is frozen or killed. */
export async function lookAtEntries(
  parts: EffectParts,
  lease: Lease,
  there: readonly LeaseContainer[],
): Promise<Found[]> {
  if (!lease.networkDeny && !lease.killOnExec) return [];
  return (await Promise.all(there.map((container) => entryOf(parts, lease, container)))).flat();
}

/** Ways that stay open under these flags on this kernel, in words. */
export function openWays(
  flags: Pick<Lease, 'networkDeny' | 'killOnExec' | 'cutProbes' | 'freeze'>,
  hooks: readonly Hook[],
): string[] {
  const { networkDeny, killOnExec, cutProbes, freeze: frozen } = flags;
  const missing = notAttached(hooks).map(({ program, reason }) => `${program}: ${reason ?? 'not attached'}`);
  return [
    ...(networkDeny ? [] : ['the network']),
    ...(networkDeny && !cutProbes ? ['connections that the node itself begins (probes)'] : []),
    ...(networkDeny ? ['packet sockets', 'what other containers do for it'] : []),
    ...(killOnExec || frozen ? [] : ['new programs']),
    ...(frozen ? ['kill signals'] : ['processes that run now']),
    'files and volumes',
    ...(networkDeny || killOnExec ? missing : []),
  ].slice(0, MOST);
}

function together(found: readonly Found[]): Verified {
  if (found.length === 0) return '';
  const says = (what: Verified): boolean => found.some(([verified]) => verified === what);
  return says('no') ? 'no' : says('read-back') ? 'read-back' : 'tried';
}

/** What is so now of a lease: of its entries `found`, and of its containers' cgroups what is seen now. Changes nothing. */
export async function effectOf(
  parts: EffectParts,
  lease: Lease,
  { there, found }: { there: readonly LeaseContainer[]; found: readonly Found[] },
): Promise<Effect> {
  const frozen = lease.freeze ? await Promise.all(there.map((container) => freeze(parts, container))) : [];
  const killed: Found[] = lease.killed ? [['tried', `kill: ${lease.touched.length} cgroups are empty`]] : [];
  const all = [...found, ...frozen, ...killed];
  return {
    verified: together(all),
    proof: [...new Set(all.map(([, text]) => text))].slice(0, MOST),
    open: lasts(lease) ? openWays(lease, parts.containments.hooks) : [],
  };
}
