/** Programs that make containers and enter them, by name only, which is the workload's to choose. */

const NAMES: ReadonlySet<string> = new Set(
  'runc crun youki runsc containerd-shim-runc-v2 containerd-shim containerd dockerd conmon crio podman'.split(
    ' ',
  ),
);
// Names under which their sealed copies run; `exe` where it is opened through /proc/self/exe.
const COPIES = /^(?:memfd:)?(?:runc_cloned|crun|youki|exe$|runc|libcontainer)/;

export const isRuntimeName = (exe: string): boolean => NAMES.has(exe) || COPIES.test(exe);
