/** What of an action comes back when the same thing is done again. */
import type { ActionEvent } from '../events/event.ts';
import { generalisePath, programName } from './generalise.ts';

// CLONE_NEW* of linux/sched.h.
const NAMESPACES: readonly (readonly [bigint, string])[] = [
  [0x80n, 'time'],
  [0x2_0000n, 'mnt'],
  [0x200_0000n, 'cgroup'],
  [0x400_0000n, 'uts'],
  [0x800_0000n, 'ipc'],
  [0x1000_0000n, 'user'],
  [0x2000_0000n, 'pid'],
  [0x4000_0000n, 'net'],
];
const AF_INET = 2n;
const AF_INET6 = 10n;
const SET_IDS = 0o6000n;
const EXECUTE = 0o111n;
const LOW = 0xffff_ffffn;

/** Operations of io_uring, by linux/io_uring.h. */
export const RING = {
  connect: 16n,
  openat: 18n,
  openat2: 28n,
  renameat: 35n,
  unlinkat: 36n,
  symlinkat: 38n,
  linkat: 39n,
} as const;

export const isRingOperation = (event: ActionEvent, operation: bigint): boolean =>
  event.action === 'uring-op' && event.args[0] === operation;

/** Namespaces of a set of flags: `mnt+net`. */
export const namespacesOf = (flags: bigint): string =>
  NAMESPACES.filter(([flag]) => (flags & flag) !== 0n)
    .map(([, name]) => name)
    .join('+');

/** The effective user id after a change of ids that was done. */
export const newUser = (event: ActionEvent): number => Number((event.args[1] ?? 0n) & LOW);

/** The file's own name: folders before it are the caller's words, and links may stand for any. */
const lastName = (path: string): string => generalisePath(path.slice(path.lastIndexOf('/') + 1));

/** What was acted on, in a few words that do not change from time to time; may be empty. */
function objectOf(event: ActionEvent): string {
  const [first] = event.args;
  switch (event.action) {
    case 'set-id':
    case 'exec-id':
    case 'stolen-id':
      return event.refused ? '' : `to ${newUser(event)}`;
    case 'unshare':
    case 'clone-ns':
      return namespacesOf(first);
    case 'setns':
      return event.name || namespacesOf(event.args[1]);
    case 'raw-socket':
      return first === AF_INET || first === AF_INET6 ? 'ip' : 'packet';
    case 'kernel-socket':
      return `${first} ${event.args[2]}`;
    case 'personality':
      return first.toString(16);
    case 'chmod':
      return (first & SET_IDS) !== 0n
        ? 'set-id'
        : (first & EXECUTE) !== 0n
          ? 'executable'
          : lastName(event.path);
    case 'rename':
    case 'link':
    case 'symlink':
      return `${lastName(event.name)} ${lastName(event.path)}`;
    case 'open-failed': // refused ones by the program alone: who searches makes as many paths as it likes
      return event.refused ? '' : lastName(event.path);
    case 'unlink':
    case 'chown':
    case 'truncate':
    case 'setxattr':
      return lastName(event.path);
    case 'uring-op':
      return event.path === '' ? String(first) : `${first} ${generalisePath(event.path)}`;
    case 'signal':
    case 'ptrace':
    case 'vm-read':
    case 'vm-write':
    case 'bpf-load':
    case 'fsmount':
      return event.name;
    case 'socket-use':
    case 'module-load':
    case 'open-tree':
    case 'chroot':
      return event.path === '' ? '' : generalisePath(event.path);
    default:
      return ''; // mounts: the caller's words; memory files: often random
  }
}

/** `nsenter setns net`, `ping raw-socket ip refused`. The first word is the program whatever its name, the second what it did. */
export function actionShape(event: ActionEvent): string {
  const words = [
    programName(event.exe) || '?',
    event.action,
    objectOf(event),
    event.refused ? 'refused' : '',
  ];
  return words.filter((word) => word !== '').join(' ');
}
