/** What tells who made a container, entered it, or is its first process. */
import type { ExecEvent } from '../events/event.ts';

const NAMES: ReadonlySet<string> = new Set(
  'runc crun youki runsc containerd-shim-runc-v2 containerd-shim containerd dockerd conmon crio podman'.split(
    ' ',
  ),
);
// Names under which their sealed copies run; `exe` where it is opened through /proc/self/exe.
const COPIES = /^(?:memfd:)?(?:runc_cloned|crun|youki|exe$|runc|libcontainer)/;

/** Programs that make containers and enter them, by name only, which is the workload's to choose. */
export const isRuntimeName = (exe: string): boolean => NAMES.has(exe) || COPIES.test(exe);

/** The first process of a pid namespace: its parent is outside, whatever that is. */
export const isFirst = ({ innerPid, process }: Pick<ExecEvent, 'innerPid' | 'process'>): boolean =>
  innerPid === 1 && process.pid !== 1;
