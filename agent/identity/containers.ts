/**
 * All containers of the node, by cgroup and pod. Removed ones and their pods are kept for a while, for records
 * that come late. Bounded: at most MAX_CONTAINERS entries, the longest gone leaving first.
 */
import { type Owner, ownerOf } from './cgroup.ts';
import { type Container, type Identity, nodeWorkload, UNLISTED, unknownWorkload } from './container.ts';
import type { Pod, PodContainer } from './pods.ts';

export interface ContainersOptions {
  readonly cluster: string;
  readonly node: string;
  /** Whether lists of pods are read; without them no pod is waited for. */
  readonly podsExpected: boolean;
  readonly onNew: (container: Container) => void;
  readonly onGone: (container: Container, time: bigint) => void;
}

/** One that was forgotten. `goneAt`: CLOCK_BOOTTIME, ns. */
export interface GoneContainer {
  readonly container: Container;
  readonly goneAt: bigint;
}

export const LATE_NS = 5n * 60n * 1_000_000_000n;
const MAX_CONTAINERS = 4096;
const MAX_CGROUPS = 16_384;
const MAX_NAMELESS = 1024;

interface Entry {
  container: Container;
  owner: Owner | null;
  goneAt: bigint | null;
  /** It was given one, or one counts for it. */
  hasSlot: boolean;
}

interface KeptPod {
  readonly pod: Pod;
  /** Of the first list in which it was missing. */
  readonly goneAt: bigint | null;
}

export class Containers {
  readonly #options: ContainersOptions;
  readonly #host: Container;
  /** Owner's path and cgroup → entry; a path used again by another cgroup id is another container. */
  readonly #entries = new Map<string, Entry>();
  /** Any cgroup, also nested → its owner's entry, or null for the host. */
  readonly #byCgroup = new Map<number, Entry | null>();
  /** What had an id before its container of now. */
  readonly #earlier = new Map<number, Entry>();
  /** Came without a path, and not found yet: when it was made, or null where that is not known. */
  readonly #nameless = new Map<number, bigint | null>();
  readonly #pods = new Map<string, KeptPod>();
  readonly #podByContainer = new Map<string, { pod: Pod; container: PodContainer }>();
  readonly #podByAddress = new Map<string, Pod>();

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.#host = {
      id: 'host',
      kind: 'host',
      cgroup: 0,
      path: '',
      runtime: 'host',
      madeAt: null,
      settled: true,
      identity: { ...EMPTY, name: 'host', workload: nodeWorkload(options.cluster, 'Node', options.node) },
    };
  }

  get host(): Container {
    return this.#host;
  }

  /** Containers there are now, without the host. */
  live(): Container[] {
    return [...this.#entries.values()].filter((e) => e.goneAt === null).map((e) => e.container);
  }

  /** Of them, those for which no slot is known: when all slots are taken, nothing of them is counted. */
  withoutSlot(): Container[] {
    const live = [...this.#entries.values()].filter((entry) => entry.goneAt === null && !entry.hasSlot);
    return live.map(({ container }) => container);
  }

  isLive(container: Container): boolean {
    return this.#entries.get(keyOf(container.path, container.cgroup))?.goneAt === null;
  }

  /**
   * The container of a cgroup, null when it is not known; of an id that was used again, the one of that time. Slots say
   * nothing here but host: they are given again too, and every record names its owner's cgroup.
   */
  find(cgroup: number, slot: number, hostSlot: number, time?: bigint): Container | null {
    const entry = this.#byCgroup.get(cgroup);
    if (entry === undefined) return slot === hostSlot ? this.#host : null;
    if (entry === null) return this.#host;
    const { madeAt } = entry.container;
    if (time === undefined || madeAt === null || time >= madeAt) return entry.container;
    return (this.#earlier.get(cgroup) ?? entry).container;
  }

  /** The workload behind a pod's address, as `namespace/Kind/name`, or null. */
  nameOfAddress(address: string): string | null {
    const pod = this.#podByAddress.get(address);
    return pod === undefined ? null : `${pod.namespace}/${pod.workload.kind}/${pod.workload.name}`;
  }

  /** A cgroup that was there already, found in the cgroup file system. */
  found(id: number, path: string): Container | null {
    const owner = ownerOf(path);
    const known = this.#byCgroup.get(id);
    if (known !== undefined && (known?.owner?.path ?? null) === (owner?.path ?? null))
      return known?.container ?? null;
    const container = this.#add(id, path, owner, this.#nameless.get(id) ?? null);
    if (this.#nameless.delete(id)) this.hasSlot(id);
    return container;
  }

  /**
   * A cgroup that was given a slot. With a path it was made just now: an entry under the same id was another cgroup and
   * is replaced. Without one it may have been there before us and acted only now: what is known of it stays, above all
   * its containment. If nothing is, it is known once it is found in the cgroup file system.
   */
  made(cgroup: number, path: string | null, time: bigint): void {
    const before = this.#byCgroup.get(cgroup);
    const lives = before != null && before.goneAt === null && before.container.cgroup === cgroup;
    if (lives && path === null) {
      this.hasSlot(cgroup);
      return;
    }
    this.#leave(cgroup, time);
    if (path === null) {
      this.#await(cgroup, null);
      return;
    }
    this.#add(cgroup, path, ownerOf(path), time);
    this.hasSlot(cgroup);
  }

  /** A cgroup that was made just now and whose path is to be found: on a node that is itself a container, all of them. */
  begun(cgroup: number, time: bigint): void {
    this.#leave(cgroup, time);
    this.#await(cgroup, time);
  }

  /** What had the id was another cgroup. */
  #leave(cgroup: number, time: bigint): void {
    const before = this.#byCgroup.get(cgroup);
    if (before != null && before.container.cgroup === cgroup) {
      if (before.goneAt === null) this.#gone(before, time);
      this.#earlier.set(cgroup, before);
    }
    this.#byCgroup.delete(cgroup);
  }

  #await(cgroup: number, madeAt: bigint | null): void {
    if (this.#nameless.size >= MAX_NAMELESS) this.#nameless.clear();
    this.#nameless.set(cgroup, madeAt);
  }

  /** Stands for a cgroup that could not be named at all. */
  unknown(cgroup: number): Container {
    const id = `cgroup-${cgroup}`;
    const identity = { ...EMPTY, name: id, workload: `${this.#options.cluster}/-/Container/unknown/${id}` };
    return {
      id,
      kind: 'container',
      cgroup,
      path: '',
      runtime: 'unknown',
      madeAt: null,
      settled: true,
      identity,
    };
  }

  /** A slot counts for the container of this cgroup. */
  hasSlot(cgroup: number): void {
    const entry = this.#byCgroup.get(cgroup);
    if (entry != null) entry.hasSlot = true;
  }

  removed(cgroup: number, time: bigint): void {
    const entry = this.#byCgroup.get(cgroup);
    if (entry && entry.goneAt === null && entry.container.cgroup === cgroup) this.#gone(entry, time);
  }

  /** Takes over a list of pods; containers that were waiting for theirs are settled. */
  pods(pods: readonly Pod[], now: bigint): void {
    const before = [...this.#pods];
    for (const [uid, { pod, goneAt }] of before) this.#pods.set(uid, { pod, goneAt: goneAt ?? now });
    for (const pod of pods) this.#pods.set(pod.uid, { pod, goneAt: null });
    this.#forgetPods(now);
    this.#podByContainer.clear();
    this.#podByAddress.clear();
    for (const { pod, goneAt } of this.#pods.values()) {
      for (const container of pod.containers) this.#podByContainer.set(container.id, { pod, container });
      for (const address of pod.addresses) {
        // An address that went on to another pod belongs to the one listed now.
        if (goneAt === null || !this.#podByAddress.has(address)) this.#podByAddress.set(address, pod);
      }
    }
    for (const entry of this.#entries.values()) {
      if (entry.owner !== null && entry.goneAt === null)
        entry.container = { ...entry.container, ...this.#identify(entry.owner, entry.container.settled) };
    }
  }

  /** Its pod was waited for long enough: from now on it is known by its id. */
  giveUp(container: Container): Container {
    const entry = this.#entries.get(keyOf(container.path, container.cgroup));
    if (entry === undefined) return { ...container, settled: true };
    entry.container = { ...entry.container, settled: true };
    return entry.container;
  }

  /** Forgets what has been gone for longer than records can be late. */
  forget(now: bigint): GoneContainer[] {
    const forgotten: GoneContainer[] = [];
    for (const [key, entry] of this.#entries) {
      const { container, goneAt } = entry;
      if (goneAt === null || now - goneAt < LATE_NS) continue;
      this.#drop(key, entry);
      forgotten.push({ container, goneAt });
    }
    return forgotten;
  }

  #add(cgroup: number, path: string, owner: Owner | null, madeAt: bigint | null): Container | null {
    if (this.#byCgroup.size >= MAX_CGROUPS) this.#dropNested();
    if (owner === null) {
      this.#byCgroup.set(cgroup, null);
      return null;
    }
    const nested = owner.path !== path.replace(/\/+$/, '');
    const above = nested ? this.#liveAt(owner.path) : undefined;
    if (above !== undefined) {
      this.#byCgroup.set(cgroup, above);
      return above.container;
    }
    const container: Container = {
      id: owner.id,
      kind: owner.kind,
      cgroup,
      path: owner.path,
      runtime: owner.runtime,
      madeAt,
      ...this.#identify(owner, false),
    };
    const entry: Entry = { container, owner, goneAt: null, hasSlot: false };
    this.#makeRoom();
    this.#entries.set(keyOf(owner.path, cgroup), entry);
    this.#byCgroup.set(cgroup, entry);
    this.#options.onNew(container);
    return container;
  }

  #liveAt(path: string): Entry | undefined {
    for (const entry of this.#entries.values())
      if (entry.goneAt === null && entry.container.path === path) return entry;
    return undefined;
  }

  #identify(owner: Owner, settled: boolean): { identity: Identity; settled: boolean } {
    const { cluster, podsExpected } = this.#options;
    if (owner.kind === 'service') {
      const identity = { ...EMPTY, name: owner.id, workload: nodeWorkload(cluster, 'Service', owner.id) };
      return { identity, settled: true };
    }
    const named = this.#podByContainer.get(owner.id);
    if (named !== undefined) {
      const { pod, container } = named;
      const { kind, name } = pod.workload;
      return {
        settled: true,
        identity: {
          name: container.name,
          pod: pod.name,
          podUid: pod.uid,
          namespace: pod.namespace,
          workload: `${cluster}/${pod.namespace}/${kind}/${name}/${container.name}`,
          image: container.image,
          imageDigest: container.digest,
          ...(pod.labels === undefined ? {} : { labels: pod.labels }),
        },
      };
    }
    const pod = owner.podUid === null ? undefined : this.#pods.get(owner.podUid)?.pod;
    // A list may be older than the container: it is waited for as long as for any other.
    const workload =
      pod === undefined
        ? unknownWorkload(cluster, owner.runtime, owner.id)
        : `${cluster}/${pod.namespace}/${pod.workload.kind}/${pod.workload.name}/${UNLISTED}`;
    return {
      settled: settled || owner.podUid === null || !podsExpected,
      identity: {
        ...EMPTY,
        name: owner.id.slice(0, 12),
        pod: pod?.name ?? '',
        podUid: owner.podUid ?? '',
        namespace: pod?.namespace ?? '',
        workload,
      },
    };
  }

  #gone(entry: Entry, time: bigint): void {
    entry.goneAt = time;
    this.#options.onGone(entry.container, time);
  }

  #forgetPods(now: bigint): void {
    for (const [uid, { goneAt }] of this.#pods)
      if (goneAt !== null && now - goneAt >= LATE_NS) this.#pods.delete(uid);
  }

  #makeRoom(): void {
    if (this.#entries.size < MAX_CONTAINERS) return;
    const all = [...this.#entries];
    const [key, entry] = all.find(([, e]) => e.goneAt !== null) ?? all[0] ?? [];
    if (key !== undefined && entry !== undefined) this.#drop(key, entry);
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key);
    for (const [cgroup, other] of this.#byCgroup) if (other === entry) this.#byCgroup.delete(cgroup);
    for (const [cgroup, other] of this.#earlier) if (other === entry) this.#earlier.delete(cgroup);
  }

  /** Forgets nested and host cgroups, oldest first: they are looked up again. */
  #dropNested(): void {
    let left = MAX_CGROUPS / 4;
    for (const [cgroup, entry] of this.#byCgroup) {
      if (entry?.container.cgroup === cgroup) continue;
      this.#byCgroup.delete(cgroup);
      if (--left === 0) return;
    }
  }
}

const EMPTY: Identity = {
  name: '',
  pod: '',
  podUid: '',
  namespace: '',
  workload: '',
  image: '',
  imageDigest: '',
};

const keyOf = (path: string, cgroup: number): string => `${path} ${cgroup}`;
