/**
 * Events as rules see them: one class for each subject, with a property for each field of fields.ts. Values are made when
 * they are asked for, since most events reach no rule that asks.
 */
import type {
  Action,
  ActionEvent,
  DnsEvent,
  Event,
  ExecEvent,
  NovelEvent,
  OpenEvent,
} from '../events/event.ts';
import { isRingOperation, namespacesOf, newUser, RING } from '../features/action.ts';
import { capabilityName } from '../features/capability.ts';
import { programOf } from '../identity/applets.ts';
import { isFirst } from '../identity/runtimes.ts';
import type { Subject } from './fields.ts';

/** What is known of no start is very old. */
const VERY_OLD = 1e9;
const O_ACCMODE = 3n;
const O_TRUNC = 0o1000n;
const LOW = 0xffff_ffffn;
const ETXTBSY = 26n;

export const secondsSince = (time: bigint, start: bigint | null): number =>
  start === null || start === 0n ? VERY_OLD : Number(time - start) / 1e9;

const lastName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

abstract class Doer<E extends { readonly exe: string; readonly process: Event['process'] }> {
  protected readonly event: E;

  constructor(event: E) {
    this.event = event;
  }

  get exe(): string {
    return this.event.exe;
  }
  get who(): string {
    return this.event.exe || 'a process';
  }
  get uid(): bigint {
    return BigInt(this.event.process.uid);
  }
}

abstract class WithFile<
  E extends { readonly exe: string; readonly process: Event['process']; readonly path: string },
> extends Doer<E> {
  get path(): string {
    return this.event.path;
  }
  get file(): string {
    return lastName(this.path);
  }
  get folder(): string {
    return folderOf(this.path);
  }
  get within(): string {
    return lastName(this.folder);
  }
  get top(): string {
    const { path } = this;
    const end = path.indexOf('/', 1);
    return path.slice(1, end === -1 ? undefined : end);
  }
}

/** As the kernel's own threads are called, and what imitates them. */
const KERNEL_THREAD =
  /^(?:kworker|ksoftirqd|kswapd|kthread|kdevtmp|khugepaged|kcompactd|kauditd|kblockd|migration|rcu_)/;

export class Exec extends WithFile<ExecEvent> {
  readonly tool: string;
  #command: string | null = null;

  constructor(event: ExecEvent) {
    super(event);
    this.tool = programOf(event);
  }

  get parent(): string {
    return this.event.parentExe;
  }
  get starter(): string {
    return this.event.parentExe || 'a process';
  }
  get first(): boolean {
    return isFirst(this.event);
  }
  get parent_age(): number {
    return secondsSince(this.event.time, this.event.process.parentStart);
  }
  get script(): string {
    return this.event.script ?? '';
  }
  get args(): readonly string[] {
    const { args, argsTail } = this.event;
    return argsTail.length === 0 ? args : [...args, ...argsTail];
  }
  get command(): string {
    this.#command ??= this.args.slice(1).join(' ');
    return this.#command;
  }
  get arguments(): bigint {
    return BigInt(this.event.argsCount);
  }
  get cut(): boolean {
    return this.event.argsCut;
  }
  get comm(): string {
    return this.event.comm;
  }
  get hidden(): boolean {
    return this.event.path.includes('/.');
  }
  get kernel_like(): boolean {
    return this.event.args[0]?.startsWith('[') === true || KERNEL_THREAD.test(this.event.exe);
  }
  get memfd(): boolean {
    return this.event.memfd;
  }
  get deleted(): boolean {
    return this.event.deleted;
  }
  get upper(): boolean {
    return this.event.upper;
  }
  get stdin(): string {
    return this.event.stdin;
  }
  get stdout(): string {
    return this.event.stdout;
  }
  get stderr(): string {
    return this.event.stderr;
  }
}

type Opening = Pick<OpenEvent, 'path' | 'write' | 'exe' | 'process'> & {
  readonly truncated?: boolean;
  readonly claimed?: boolean;
};

export class Open extends WithFile<Opening> {
  get write(): boolean {
    return this.event.write;
  }
  get truncated(): boolean {
    return this.event.truncated === true;
  }
  get claimed(): boolean {
    return this.event.claimed === true;
  }
}

/** What is opened through io_uring, by the name that was asked for: a link to a secret is not seen there. */
function ringOpening(event: ActionEvent): Opening | null {
  if (event.path === '') return null;
  if (!isRingOperation(event, RING.openat) && !isRingOperation(event, RING.openat2)) return null;
  const { exe, process, args } = event;
  const path = event.path.startsWith('/') ? event.path : `…/${event.path}`;
  return {
    path,
    exe,
    process,
    write: (args[1] & O_ACCMODE) !== 0n,
    truncated: (args[1] & O_TRUNC) !== 0n,
    claimed: true,
  };
}

// RFC 1918, 6598, 4193 and 3927; link-local of IPv6.
const PRIVATE =
  /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd][0-9a-f]{2}:)/;
const LINK_LOCAL = /^(?:169\.254\.|fe[89ab][0-9a-f]:)/;

function kindOfPeer(peer: string): string {
  if (peer === '') return '';
  if (peer === '::1' || peer.startsWith('127.')) return 'loopback';
  if (LINK_LOCAL.test(peer)) return 'link-local';
  return PRIVATE.test(peer) ? 'private' : 'public';
}

export class Flow extends Doer<Extract<Event, { kind: 'flow' }>> {
  #peerIs: string | null = null;

  get peer(): string {
    return this.event.peer;
  }
  get port(): bigint {
    return BigInt(this.event.port);
  }
  get peer_is(): string {
    this.#peerIs ??= kindOfPeer(this.event.peer);
    return this.#peerIs;
  }
  get protocol(): string {
    return this.event.protocol;
  }
  get direction(): string {
    return this.event.direction;
  }
}

const RING_VERBS: ReadonlyMap<bigint, Action> = new Map([
  [RING.renameat, 'rename'],
  [RING.linkat, 'link'],
  [RING.symlinkat, 'symlink'],
  [RING.unlinkat, 'unlink'],
  [RING.connect, 'socket-use'],
]);

export class Act extends WithFile<ActionEvent> {
  readonly action: string;
  readonly verb: string;

  constructor(event: ActionEvent) {
    super(event);
    this.action = event.action;
    const ring = event.action === 'uring-op' ? RING_VERBS.get(event.args[0]) : undefined;
    this.verb = ring ?? event.action;
  }

  get refused(): boolean {
    return this.event.refused;
  }
  get failed(): boolean {
    return this.event.result < 0n;
  }
  get busy(): boolean {
    return this.event.result === -ETXTBSY;
  }
  get args(): readonly bigint[] {
    return this.event.args;
  }
  get name(): string {
    return this.event.name;
  }
  get claimed(): boolean {
    return this.event.claimed;
  }
  get namespaces(): string {
    return namespacesOf(this.event.action === 'setns' ? 0n : this.event.args[0]);
  }
  get user(): bigint {
    return BigInt(newUser(this.event));
  }
  get from_user(): bigint {
    return this.event.args[0] & LOW;
  }
  get gained(): boolean {
    return this.event.action === 'capset' && (this.event.args[1] & ~this.event.args[0]) !== 0n;
  }
  get outside(): boolean {
    const { target, slot } = this.event;
    return target !== null && target.slot !== 0 && target.slot !== slot;
  }
}

export class Denied {
  private readonly event: Extract<Event, { kind: 'denied' }>;

  constructor(event: Extract<Event, { kind: 'denied' }>) {
    this.event = event;
  }

  get what(): string {
    return this.event.what;
  }
  get peer(): string {
    return this.event.peer;
  }
  get port(): bigint {
    return BigInt(this.event.port);
  }
  get peer_is(): string {
    return kindOfPeer(this.event.peer);
  }
}

export class Novel extends WithFile<NovelEvent> {
  get what(): string {
    return this.event.what;
  }
  get capability(): string {
    return this.event.what === 'capability' ? capabilityName(this.event.capability) : '';
  }
  get port(): bigint {
    return BigInt(this.event.port);
  }
  get memfd(): boolean {
    return this.event.memfd;
  }
  get deleted(): boolean {
    return this.event.deleted;
  }
}

export class Dns extends Doer<DnsEvent> {
  get what(): string {
    return this.event.what;
  }
  get name(): string {
    return this.event.name;
  }
  get label(): string {
    const { name } = this.event;
    const end = name.indexOf('.');
    return end === -1 ? name : name.slice(0, end);
  }
  get type(): string {
    return this.event.type;
  }
  get code(): string {
    return this.event.code;
  }
  get odd(): string {
    return this.event.odd ?? '';
  }
  get server(): string {
    return this.event.server;
  }
  get server_is(): string {
    return kindOfPeer(this.event.server);
  }
  get told(): readonly string[] {
    return this.event.addresses.map(({ address }) => address);
  }
  get tells_link_local(): boolean {
    return this.event.addresses.some(({ address }) => kindOfPeer(address) === 'link-local');
  }
}

export type View = Exec | Open | Flow | Act | Denied | Novel | Dns;
export const VIEWS: Readonly<Record<Subject, new (event: never) => View>> = {
  exec: Exec,
  open: Open,
  flow: Flow,
  action: Act,
  denied: Denied,
  novel: Novel,
  dns: Dns,
};

/** What an event is to rules, mostly one thing: what a ring opens is an action and an opening. */
export type Views = readonly (readonly [Subject, View])[];
const NONE: Views = [];

export function viewsOf(event: Event): Views {
  switch (event.kind) {
    case 'exec':
      return [['exec', new Exec(event)]];
    case 'open':
      return [['open', new Open(event)]];
    case 'flow':
      return [['flow', new Flow(event)]];
    case 'denied':
      return [['denied', new Denied(event)]];
    case 'novel':
      return [['novel', new Novel(event)]];
    case 'dns':
      return [['dns', new Dns(event)]];
    case 'action': {
      const opening = ringOpening(event);
      const act = ['action', new Act(event)] as const;
      return opening === null ? [act] : [act, ['open', new Open(opening)]];
    }
    default:
      return NONE;
  }
}
