/**
 * From a cgroup path to whom it belongs: a container by its runtime's id, or a systemd service. Nested cgroups
 * belong to the owner above them; the kernel side gives slots by the same rule (find_owner in native/bpf/slot.h).
 */

export type Runtime = 'containerd' | 'crio' | 'docker' | 'podman' | 'systemd' | 'unknown';

export interface Owner {
  readonly kind: 'container' | 'service';
  /** 64 hex digits, or the unit's name. */
  readonly id: string;
  readonly runtime: Runtime;
  /** UID of the pod the path names, or null. */
  readonly podUid: string | null;
  /** The owner's own cgroup, which may be above the one asked for. */
  readonly path: string;
}

const ID = /[0-9a-f]{64}/;
// conmon, which holds a container's terminal, has a cgroup of its own named after the container it serves.
const MONITOR = /^(crio|libpod)-conmon-/;
// systemd writes pod UIDs with _ for - (both are separators in slice names); cgroupfs keeps them as they are.
// Static pods have the 32 hex digits of a hash instead.
const POD =
  /pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/;

// Prefixes the runtimes put before the id: containerd's CRI plugin, CRI-O, Docker with the systemd driver, Podman.
const PREFIXES: readonly (readonly [string, Runtime])[] = [
  ['cri-containerd-', 'containerd'],
  ['nerdctl-', 'containerd'],
  ['crio-', 'crio'],
  ['docker-', 'docker'],
  ['libpod-', 'podman'],
];

function runtimeOf(name: string, above: readonly string[]): Runtime {
  const prefix = PREFIXES.find(([text]) => name.startsWith(text));
  if (prefix !== undefined) return prefix[1];
  if (above.includes('docker')) return 'docker';
  if (above.some((folder) => folder.startsWith('libpod_parent') || folder === 'machine.slice'))
    return 'podman';
  return 'unknown';
}

function podUidOf(above: readonly string[]): string | null {
  for (const folder of above.toReversed()) {
    const uid = POD.exec(folder)?.[1];
    if (uid !== undefined) return uid.replaceAll('_', '-');
  }
  return null;
}

/** A part of a path by itself: a container, a service, or neither. */
function partOf(names: readonly string[], index: number): Owner | null {
  const name = names[index] ?? '';
  const path = `/${names.slice(0, index + 1).join('/')}`;
  const id = ID.exec(name)?.[0];
  if (id !== undefined && !MONITOR.test(name) && !name.endsWith('.slice')) {
    // Where kubelet has the systemd driver and the runtime has not: SLICE:PREFIX:ID as one folder.
    const [slice = '', prefix, own] = name.split(':');
    const above = names.slice(0, index);
    const [named, folders] =
      prefix === undefined || own === undefined ? [name, above] : [`${prefix}-${own}`, [...above, slice]];
    return { kind: 'container', id, runtime: runtimeOf(named, folders), podUid: podUidOf(folders), path };
  }
  if (!name.endsWith('.service')) return null;
  return { kind: 'service', id: name, runtime: 'systemd', podUid: null, path };
}

/**
 * The owner of a cgroup path below the mount point, or null when it is the host's own. The outermost container, as a
 * container may make cgroups of any name inside itself; without one, the outermost service, as rootless podman's containers
 * are below user@UID.service.
 */
export function ownerOf(path: string): Owner | null {
  const names = path.split('/').filter((name) => name !== '');
  const parts = names.map((_, index) => partOf(names, index)).filter((part) => part !== null);
  return parts.find(({ kind }) => kind === 'container') ?? parts[0] ?? null;
}

/** How many containers and services there are among paths of cgroups: each has a slot. */
export function countOwners(paths: readonly string[]): number {
  return new Set(paths.map((path) => ownerOf(path)?.path).filter((owner) => owner !== undefined)).size;
}
