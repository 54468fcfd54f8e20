import type { Action, Event } from '../event.ts';
import { LAYOUT } from '../layout.ts';
import { baseOf, Malformed, pathOf, type Reader } from '../reader.ts';

const ACTIONS: Readonly<Record<number, Action>> = {
  [LAYOUT.ACTION_SET_ID]: 'set-id',
  [LAYOUT.ACTION_CAPSET]: 'capset',
  [LAYOUT.ACTION_PTRACE]: 'ptrace',
  [LAYOUT.ACTION_VM_READ]: 'vm-read',
  [LAYOUT.ACTION_VM_WRITE]: 'vm-write',
  [LAYOUT.ACTION_MOUNT]: 'mount',
  [LAYOUT.ACTION_UMOUNT]: 'umount',
  [LAYOUT.ACTION_MOVE_MOUNT]: 'move-mount',
  [LAYOUT.ACTION_FSMOUNT]: 'fsmount',
  [LAYOUT.ACTION_OPEN_TREE]: 'open-tree',
  [LAYOUT.ACTION_PIVOT_ROOT]: 'pivot-root',
  [LAYOUT.ACTION_CHROOT]: 'chroot',
  [LAYOUT.ACTION_UNSHARE]: 'unshare',
  [LAYOUT.ACTION_SETNS]: 'setns',
  [LAYOUT.ACTION_CLONE_NS]: 'clone-ns',
  [LAYOUT.ACTION_MODULE_LOAD]: 'module-load',
  [LAYOUT.ACTION_MODULE_UNLOAD]: 'module-unload',
  [LAYOUT.ACTION_BPF_LOAD]: 'bpf-load',
  [LAYOUT.ACTION_PERF_OPEN]: 'perf-open',
  [LAYOUT.ACTION_MEMFD]: 'memfd',
  [LAYOUT.ACTION_WRITE_EXEC]: 'write-exec',
  [LAYOUT.ACTION_MAKE_EXEC]: 'make-exec',
  [LAYOUT.ACTION_RAW_SOCKET]: 'raw-socket',
  [LAYOUT.ACTION_SOCKET_USE]: 'socket-use',
  [LAYOUT.ACTION_SIGNAL]: 'signal',
  [LAYOUT.ACTION_URING_SETUP]: 'uring-setup',
  [LAYOUT.ACTION_URING_OP]: 'uring-op',
  [LAYOUT.ACTION_OOM_KILL]: 'oom-kill',
  [LAYOUT.ACTION_OPEN_HANDLE]: 'open-handle',
  [LAYOUT.ACTION_TAKE_FD]: 'take-fd',
  [LAYOUT.ACTION_KEXEC]: 'kexec',
  [LAYOUT.ACTION_EXEC_ID]: 'exec-id',
  [LAYOUT.ACTION_EXEC_CAPS]: 'exec-caps',
  [LAYOUT.ACTION_STOLEN_ID]: 'stolen-id',
  [LAYOUT.ACTION_RENAME]: 'rename',
  [LAYOUT.ACTION_LINK]: 'link',
  [LAYOUT.ACTION_SYMLINK]: 'symlink',
  [LAYOUT.ACTION_UNLINK]: 'unlink',
  [LAYOUT.ACTION_CHMOD]: 'chmod',
  [LAYOUT.ACTION_CHOWN]: 'chown',
  [LAYOUT.ACTION_TRUNCATE]: 'truncate',
  [LAYOUT.ACTION_SETXATTR]: 'setxattr',
  [LAYOUT.ACTION_MAKE_DEVICE]: 'make-device',
  [LAYOUT.ACTION_MOUNT_ATTR]: 'mount-attr',
  [LAYOUT.ACTION_PERSONALITY]: 'personality',
  [LAYOUT.ACTION_USERFAULT]: 'userfault',
  [LAYOUT.ACTION_KERNEL_SOCKET]: 'kernel-socket',
  [LAYOUT.ACTION_IO_PORTS]: 'io-ports',
  [LAYOUT.ACTION_OPEN_FAILED]: 'open-failed',
};
const REFUSALS: ReadonlySet<bigint> = new Set([-1n, -13n]); // EPERM, EACCES

/** From the kernel's names; or what the caller claims, one text with whatever in it. */
function actionPath(reader: Reader, flags: number): string {
  const used = reader.u32(LAYOUT['action_record.path_bytes']);
  const at = LAYOUT['action_record.path'];
  if (used > LAYOUT.PATH_BYTES) throw new Malformed('wrong-length');
  if (used === 0) return '';
  if ((flags & LAYOUT.PATH_CLAIMED) !== 0) return reader.text(at, used);
  return pathOf(reader.names(at, LAYOUT.PATH_BYTES, used), (flags & LAYOUT.PATH_CUT) !== 0);
}

export function actionEvent(reader: Reader): Event {
  const action = ACTIONS[reader.u32(LAYOUT['action_record.action'])];
  if (action === undefined) throw new Malformed('wrong-value');
  const flags = reader.u32(LAYOUT['action_record.flags']);
  const call = reader.u32(LAYOUT['action_record.number']);
  const result = reader.s64(LAYOUT['action_record.result']);
  const arg = (index: number): bigint => reader.u64(LAYOUT['action_record.args'] + 8 * index);
  const pid = reader.u32(LAYOUT['action_record.target_pid']);
  const start = reader.u64(LAYOUT['action_record.target_start']);
  return {
    kind: 'action',
    ...baseOf(reader),
    action,
    call: call === LAYOUT.ACTION_NO_CALL ? null : call,
    compat: (flags & LAYOUT.ACTION_COMPAT) !== 0,
    result,
    refused: REFUSALS.has(result),
    args: [arg(0), arg(1), arg(2), arg(3)],
    target: pid === 0 ? null : { pid, start, slot: reader.u32(LAYOUT['action_record.target_slot']) },
    exe: reader.text(LAYOUT['action_record.exe'], LAYOUT.FILE_NAME_BYTES),
    name: reader.text(LAYOUT['action_record.name'], LAYOUT.ACTION_NAME_BYTES),
    path: actionPath(reader, flags),
    pathCut: (flags & LAYOUT.PATH_CUT) !== 0,
    claimed: (flags & (LAYOUT.ACTION_CLAIMED | LAYOUT.PATH_CLAIMED)) !== 0,
  };
}
