/** What of an action comes back when the same thing is done again. */
import type { ActionEvent } from '../events/event.ts';
import { generalisePath } from './generalise.ts';

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
const LOW = 0xffff_ffffn;

/** Namespaces of a set of flags: `mnt+net`. */
export const namespacesOf = (flags: bigint): string =>
  NAMESPACES.filter(([flag]) => (flags & flag) !== 0n)
    .map(([, name]) => name)
    .join('+');

/** The effective user id after a change of ids that was done. */
export const newUser = (event: ActionEvent): number => Number((event.args[1] ?? 0n) & LOW);

/** What was acted on, in a few words that do not change from time to time; may be empty. */
function objectOf(event: ActionEvent): string {
  const [first] = event.args;
  switch (event.action) {
    case 'set-id':
    case 'exec-id':
      return event.refused ? '' : `to ${newUser(event)}`;
    case 'unshare':
    case 'clone-ns':
      return namespacesOf(first);
    case 'setns':
      return event.name || namespacesOf(event.args[1]);
    case 'raw-socket':
      return first === AF_INET || first === AF_INET6 ? 'ip' : 'packet';
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

/** `nsenter setns net`, `ping raw-socket ip refused`. */
export function actionShape(event: ActionEvent): string {
  const words = [event.exe, event.action, objectOf(event), event.refused ? 'refused' : ''];
  return words.filter((word) => word !== '').join(' ');
}
