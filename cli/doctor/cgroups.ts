/** Where cgroups and pins are: what can be told apart, what can be contained, and whether it outlives the agent. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CgroupTree } from '../../agent/source/cgroups.ts';
import { type Check, fail, ok, warn } from './check.ts';

interface Mount {
  readonly at: string;
  readonly type: string;
}

/** `mounts` is the text of /proc/self/mounts. */
export function readMounts(mounts: string): Mount[] {
  return mounts
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, at, type]) => (at !== undefined && type !== undefined ? [{ at, type }] : []));
}

const V1_LACKS =
  'no container can be contained: network deny needs cgroup2; accepted connections and what arrives count for the host; no pressure is read';
/** Needs to know whose listener a connection came to. */
const ACCEPTED = ['IA10', 'IA11', 'EX40', 'LM07'];

/** `tree` is what containers are known by with these settings, or why there is none. */
export function cgroupCheck(mounts: string, tree: CgroupTree | Error): Check {
  const v1 = readMounts(mounts).filter(({ type }) => type === 'cgroup').length;
  if (tree instanceof Error)
    return fail(
      'cgroups',
      tree.message,
      'the agent does not start: nothing tells containers apart',
      'mount -t cgroup2 none /sys/fs/cgroup (beside v1: /sys/fs/cgroup/unified)',
    );
  const { version, root, hierarchy } = tree;
  if (version === 1)
    return {
      ...warn(
        'cgroups',
        `v1: containers are known by the memory controller at ${root} (hierarchy ${hierarchy})`,
        V1_LACKS,
        'boot with systemd.unified_cgroup_hierarchy=1; where cgroup2 is mounted too, cgroup-version: v2',
      ),
      coverage: ACCEPTED,
    };
  if (v1 === 0) return ok('cgroups', `cgroup2 at ${root}`);
  return warn(
    'cgroups',
    `mixed: cgroup2 at ${root}, ${v1} v1 hierarchies beside it`,
    'a container that its runtime puts only into v1 counts as the host and cannot be contained',
    'nothing, where the runtime makes cgroups in both; else cgroup-version: v1, or boot with systemd.unified_cgroup_hierarchy=1',
  );
}

export function bpffsMounted(mounts: string, pinFolder: string): string | null {
  const found = readMounts(mounts).find(
    ({ at, type }) => type === 'bpf' && `${pinFolder}/`.startsWith(`${at}/`),
  );
  return found?.at ?? null;
}

export function bpffsCheck(mounts: string, pinFolder: string): Check {
  const at = bpffsMounted(mounts, pinFolder);
  if (at !== null) return ok('bpffs', `${at}, pins in ${pinFolder}`);
  return warn(
    'bpffs',
    `none at ${dirname(pinFolder)}`,
    'the agent mounts it at its start, for its own mount namespace: in a container, containment then ends with it',
    `mount -t bpf bpf ${dirname(pinFolder)}`,
  );
}

/** `names` are those in the pin folder; `current` is this version's layout of the pinned maps. */
export function pinsCheck(pinFolder: string, names: readonly string[], current: number): Check {
  const layouts = names
    .filter((name) => /^v\d{1,6}$/.test(name))
    .map((name) => Number(name.slice(1)))
    .filter((layout) => liveLayout(pinFolder, layout));
  const newer = layouts.find((layout) => layout > current);
  if (newer !== undefined)
    return fail(
      'pinned containment',
      `layout ${newer} in ${pinFolder}; this version has ${current}`,
      'a newer version holds the containments of this node: they stay as they are, and this agent takes no order',
      `run the newer version; or end its containments: rm -r ${pinFolder}/v${newer}`,
    );
  const older = layouts.filter((layout) => layout < current);
  if (older.length > 0)
    return ok('pinned containment', `layout ${older.join(', ')}; moved to ${current} when the agent starts`);
  if (layouts.length === 0) return ok('pinned containment', 'none');
  const cut = new Set(pins(`${pinFolder}/v${current}/links`).flatMap((name) => /^\d+(?=-)/.exec(name) ?? []));
  return ok('pinned containment', `layout ${current}, network denied to ${cut.size} cgroups`);
}

function liveLayout(pinFolder: string, layout: number): boolean {
  return pins(`${pinFolder}/v${layout}/maps`).includes('containments');
}

/** The names in a folder of the bpffs; none when there is none. */
export function pins(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
