/** What a container took of its machine in one window. Absent is null, never 0: a value that is not known is no value. */

/** Added since the reading before. Times in microseconds. */
export const RESOURCE_COUNTERS = [
  'cpuUs',
  'throttledUs',
  'throttledPeriods',
  'oomKills',
  'readBytes',
  'writeBytes',
  'reads',
  'writes',
  'cpuSomeUs',
  'cpuFullUs',
  'memorySomeUs',
  'memoryFullUs',
  'ioSomeUs',
  'ioFullUs',
] as const;

/** As they were at its end. A limit that is not set is null. */
export const RESOURCE_GAUGES = [
  'memoryBytes',
  'workingSetBytes',
  'memoryLimitBytes',
  'pids',
  'pidsLimit',
] as const;

export type ResourceCounter = (typeof RESOURCE_COUNTERS)[number];
export type ResourceGauge = (typeof RESOURCE_GAUGES)[number];
export type ResourceName = ResourceCounter | ResourceGauge;

export type Resources = { readonly [K in ResourceName]: number | null };

/** Of one container, by its owner's cgroup id. */
export interface ResourceReading {
  readonly cgroup: number;
  readonly resources: Resources;
}

const NAMES: readonly ResourceName[] = [...RESOURCE_COUNTERS, ...RESOURCE_GAUGES];

/** Each value by its name. */
export function resourcesOf(value: (name: ResourceName) => number | null): Resources {
  return Object.fromEntries(NAMES.map((name) => [name, value(name)])) as Record<ResourceName, number | null>;
}

/** Two readings of one window, the earlier first, as one. */
export function joinResources(earlier: Resources, later: Resources): Resources {
  const counters: ReadonlySet<string> = new Set(RESOURCE_COUNTERS);
  return resourcesOf((name) => {
    const [before, after] = [earlier[name], later[name]];
    if (before === null || after === null) return after ?? before;
    return counters.has(name) ? before + after : after;
  });
}
