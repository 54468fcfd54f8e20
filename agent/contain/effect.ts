/** Whether what an order asked for is so, looked at from inside, and what stays open all the same. */
import { util } from '../../kit/util.ts';
import type { Containments, Hook, NativeAddon, NetworkTries } from '../../native/index.ts';
import { type AllowedPeer, allowedPeers, letsOut } from '../../wire/index.ts';
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
  readonly containments: Pick<Containments, 'list' | 'hooks' | 'execDenyRefusal'>;
  readonly cgroupRoot: string;
  /** Null: cgroups cannot be frozen or killed here. */
  readonly groups: Groups | null;
  readonly tryInside: (at: { cgroup: number; cgroupPath: string }) => Promise<NetworkTries>;
  readonly tryPeers: NativeAddon['tryPeers'];
  /** Executes what ends at once: 0, it ran; an errno; -1, it was ended. */
  readonly tryExec: (at: { cgroup: number; cgroupPath: string }) => Promise<number>;
  /** Where the rule `dns` of an allow-list goes. */
  readonly dnsServers: () => readonly string[];
}

/** What the kernel's programs do; the rest is done with the cgroup's files. */
export const needsEntry = ({
  networkDeny,
  killOnExec,
  execDeny,
}: Pick<Lease, 'networkDeny' | 'killOnExec' | 'execDeny'>): boolean => networkDeny || killOnExec || execDeny;

/** Whether anything of it lasts; what is only killed is done at once. */
export const lasts = ({
  freeze,
  ...flags
}: Pick<Lease, 'networkDeny' | 'killOnExec' | 'execDeny' | 'freeze'>): boolean => needsEntry(flags) || freeze;

const EPERM = 1;
const KILL_ON_EXEC = 'kill_on_exec';
/** Entries of what a report says, as central takes them. */
export const MOST = 32;

/** The third: what stays open for it, in words. */
export type Found = readonly [Exclude<Verified, ''>, string, (string | undefined)?];

const notAttached = (hooks: readonly Hook[]): readonly Hook[] =>
  hooks.filter(({ state }) => state !== 'attached');

/** Whom tryInside tries; an allow-list may let that through too. */
const NOBODY: Readonly<Record<keyof NetworkTries, { address: string; protocol: string; port: number }>> = {
  tcp4: { address: '192.0.2.1', protocol: 'tcp', port: 9 },
  tcp6: { address: '2001:db8::1', protocol: 'tcp', port: 9 },
  udp4: { address: '192.0.2.1', protocol: 'udp', port: 9 },
  udp6: { address: '2001:db8::1', protocol: 'udp', port: 9 },
};

/** What of an allow-list can be tried: what the container begins, at the first address and port of the rule. */
const tryable = (peers: readonly AllowedPeer[]) =>
  peers
    .filter(({ direction }) => direction === 'to')
    .map(({ address, protocol, low }) => ({
      address,
      protocol: protocol === 'udp' ? ('udp' as const) : ('tcp' as const),
      port: Math.max(1, low),
    }));

async function letThrough(
  parts: EffectParts,
  at: { cgroup: number; cgroupPath: string },
  allowed: readonly AllowedPeer[],
): Promise<Found[]> {
  const peers = tryable(allowed);
  if (peers.length === 0) return [];
  const said = await parts.tryPeers({ ...at, peers });
  const shut = peers.filter((_, index) => said[index] === EPERM);
  const named = (some: typeof peers): string =>
    some.map(({ address, protocol, port }) => `${address} ${protocol} ${port}`).join(', ');
  return shut.length > 0
    ? [['no', `network: from inside ${named(shut)} refused, which is on the list`]]
    : [['tried', `network: from inside let through ${named(peers)}`]];
}

async function network(
  parts: EffectParts,
  { cgroup, path }: LeaseContainer,
  allowed: readonly AllowedPeer[],
): Promise<Found[]> {
  const missing = notAttached(parts.containments.hooks).filter(({ program }) => program !== KILL_ON_EXEC);
  if (missing.length > 0)
    return [['no', `network: ${missing.map(({ program }) => program).join(', ')} missing`]];
  try {
    const at = { cgroup, cgroupPath: `${parts.cgroupRoot}${path}` };
    const said = Object.entries(await parts.tryInside(at)) as [keyof NetworkTries, number | null][];
    const ways = said.filter(
      ([way, error]) => error !== null && !allowed.some((peer) => letsOut(peer, NOBODY[way])),
    );
    const open = ways.filter(([, error]) => error !== EPERM);
    if (open.length > 0)
      return [['no', `network: from inside ${open.map(([way]) => way).join(', ')} got through`]];
    // Nothing was refused where nothing is to be: then only what the kernel says is known.
    if (ways.length === 0)
      return [
        ['read-back', 'network: entry and programs read back; not tried: the list lets all through'],
        ...(await letThrough(parts, at, allowed)),
      ];
    return [
      ['tried', `network: from inside ${ways.map(([way]) => way).join(', ')} refused`],
      ...(await letThrough(parts, at, allowed)),
    ];
  } catch (error) {
    return [['read-back', `network: entry and programs read back; not tried: ${(error as Error).message}`]];
  }
}

function exec(parts: EffectParts): Found {
  const hook = parts.containments.hooks.find(({ program }) => program === KILL_ON_EXEC);
  return hook?.state === 'attached'
    ? ['read-back', 'programs: entry and program read back']
    : ['no', `programs: ${KILL_ON_EXEC} is ${hook?.state ?? 'absent'}`];
}

const newPrograms = (reason: string): string => `new programs: ${reason}`;
const nameOf = (said: number): string => (said === -1 ? 'it was ended' : util.getSystemErrorName(-said));

/** Tried with a program of our own: a kernel may take the program of BPF LSM and never ask it. */
async function execDenied(
  parts: EffectParts,
  { cgroup, path }: LeaseContainer,
  denied: boolean,
): Promise<Found> {
  const { execDenyRefusal } = parts.containments;
  if (!denied) {
    const reason = execDenyRefusal ?? 'no entry for it';
    return ['no', `programs: not refused: ${reason}`, newPrograms(reason)];
  }
  const open = execDenyRefusal === null ? undefined : newPrograms(execDenyRefusal);
  const readBack = (why: string): Found => [
    'read-back',
    `programs: entry and program read back; ${why}`,
    open,
  ];
  try {
    const said = await parts.tryExec({ cgroup, cgroupPath: `${parts.cgroupRoot}${path}` });
    if (said === EPERM) return ['tried', 'programs: from inside refused'];
    if (said !== 0) return readBack(`tried in vain: ${nameOf(said)}`);
    return ['no', 'programs: from inside one ran', newPrograms('one ran when it was tried')];
  } catch (error) {
    return readBack(`not tried: ${(error as Error).message}`);
  }
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
    ...(lease.networkDeny
      ? await network(
          still ? { ...parts, tryInside: frozen } : parts,
          container,
          // Another lease may let through less: then this one is not so, and is told not to be.
          allowedPeers(lease.allow, parts.dnsServers()),
        )
      : []),
    ...(lease.killOnExec ? [exec(parts)] : []),
    ...(lease.execDeny
      ? [await execDenied(still ? { ...parts, tryExec: frozen } : parts, container, entry.execDeny)]
      : []),
  ];
}

/** Looks at what the kernel programs do for a lease; to be done before anything is frozen or killed. */
export async function lookAtEntries(
  parts: EffectParts,
  lease: Lease,
  there: readonly LeaseContainer[],
): Promise<Found[]> {
  if (!needsEntry(lease)) return [];
  return (await Promise.all(there.map((container) => entryOf(parts, lease, container)))).flat();
}

/** Ways that stay open under these flags, in words. */
export function openWays(
  flags: Pick<Lease, 'networkDeny' | 'killOnExec' | 'execDeny' | 'cutProbes' | 'freeze' | 'allow'>,
  hooks: readonly Hook[],
  found: readonly Found[],
): string[] {
  const { networkDeny, killOnExec, execDeny, cutProbes, freeze: frozen, allow } = flags;
  const inDoubt = found.flatMap(([, , way]) => way ?? []);
  // Nothing found: no container was there to look at.
  const unknown = found.length === 0 ? [newPrograms('not looked at yet')] : [...new Set(inDoubt)];
  const missing = notAttached(hooks).map(({ program, reason }) => `${program}: ${reason ?? 'not attached'}`);
  return [
    ...(networkDeny ? [] : ['the network']),
    ...(networkDeny && !cutProbes ? ['connections that the node itself begins (probes)'] : []),
    ...(networkDeny ? allow.map((rule) => `as ordered: ${rule}`) : []),
    ...(networkDeny ? ['packet sockets', 'what other containers do for it'] : []),
    ...(killOnExec || frozen ? [] : execDeny ? unknown : ['new programs']),
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
    open: lasts(lease) ? openWays(lease, parts.containments.hooks, found) : [],
  };
}
