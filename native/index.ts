/**
 * The typed door to the kernel side: everything that crosses between the addon and JavaScript is declared here.
 * Batches carry whole records of `native/records.h`; nothing here interprets them.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Pattern of names whose opens are reported: a file's own name, or the name of a folder directly above it. */
export interface WatchedName {
  readonly name: string;
  readonly where: 'file' | 'folder';
  /** Opens that only read are not told; other changes are. */
  readonly writesOnly?: boolean;
}

export interface ProbeOptions {
  /** Folder on a bpffs for the containment maps and links; made if missing. */
  readonly pinFolder: string;
  /**
   * Containers are looked for below this cgroup: where cgroup2 is mounted, such as /sys/fs/cgroup or
   * /sys/fs/cgroup/unified, or v1's memory controller. What is outside of it is the host's.
   */
  readonly cgroupRoot: string;
  /** Number of v1's hierarchy with the memory controller, as in /proc/self/cgroup; 0: containers are known by cgroup2. */
  readonly cgroupHierarchy: number;
  /** Process whose own activity is left out in the kernel, by its number in the initial pid namespace; 0: nobody's. */
  readonly selfPid: number;
  /** Bytes of the ring buffers; powers of two, multiples of the page size. */
  readonly urgentBytes: number;
  readonly bulkBytes: number;
  /** Milliseconds between two readings of the bulk ring. */
  readonly bulkMs: number;
  /** Records of one slot and kind that are sent on average, and at once; the rest is counted as throttled. */
  readonly recordsPerSecond: number;
  readonly recordBurst: number;
  /** Most slots that there may be, 3 to 4096. Their memory is made as they are given out, in chunks of 64. */
  readonly slots: number;
  /** Containers and services that are there now: for so many there is memory from the start. */
  readonly liveSlots: number;
  readonly flows: number;
  /** 512 bytes, by number of `calls`: what a call is in pairs, 1 to 255. Calls with the same id are one. */
  readonly callIds: Uint8Array;
  /** Key of the fingerprints by which the kernel side knows what a slot has done; random, so that nobody can guess it. */
  readonly seenKey: bigint;
  /** Read kernel objects as on a kernel before Linux 6.2, which costs more. */
  readonly byHelpers?: boolean;
  readonly watchedNames: readonly WatchedName[];
  /** Batches that may wait for JavaScript; more are counted as lost. */
  readonly queueBatches: number;
}

export type HookState = 'attached' | 'absent' | 'refused';

export interface Hook {
  /** Such as tp_btf/sched_process_exec. */
  readonly name: string;
  /** The eBPF program: more than one may be on a hook. */
  readonly program: string;
  readonly state: HookState;
  /** The kernel's reason where it is not attached, or null. */
  readonly reason: string | null;
  /** Without it the probe cannot run at all. */
  readonly required: boolean;
}

export interface CompatCount {
  readonly number: number;
  readonly count: bigint;
}

export interface SlotCounts {
  readonly slot: number;
  /** Of the container or service; 0 for the slots 0 (none) and 1 (host). */
  readonly cgroup: number;
  /** Calls by number since the probe was loaded, 512 numbers, summed over CPUs. */
  readonly calls: BigUint64Array;
  /** Calls with 32-bit numbering, by its numbers; calls[511] is their sum. */
  readonly compat: readonly CompatCount[];
  readonly forks: bigint;
  readonly execs: bigint;
  readonly exits: bigint;
  /** Records of this slot not delivered, by loss_reason. */
  readonly lost: BigUint64Array;
  /** Those of `lost` that were throttled, by record_kind. */
  readonly throttled: BigUint64Array;
}

/** Totals since the probe was loaded. */
export interface ProbeCounters {
  /** By loss_reason of records.h, in the kernel. */
  readonly lost: BigUint64Array;
  /** Records that reached user space but not JavaScript, because its queue was full. */
  readonly queueFull: bigint;
  readonly records: bigint;
  readonly batches: bigint;
  /** Times that the kernel did not run a program, as it was running on that CPU already; what it would have seen is lost. */
  readonly missedRuns: bigint;
  /** Slots of containers that are given out now. */
  readonly slots: number;
}

export interface Containment {
  readonly cgroup: number;
  readonly networkDeny: boolean;
  readonly killOnExec: boolean;
  readonly execDeny: boolean;
  readonly cutProbes: boolean;
  /** Something is let through. */
  readonly allows: boolean;
  /** CLOCK_BOOTTIME, ns. */
  readonly until: bigint;
  readonly order: bigint;
  /** CLOCK_BOOTTIME, ns, of the first request; 0 when it came before layout 2 of the pinned maps. */
  readonly since: bigint;
  readonly packets: bigint;
  readonly connects: bigint;
  readonly sends: bigint;
  readonly execs: bigint;
}

export interface ContainmentRequest {
  readonly cgroup: number;
  /** The container's cgroup folder, absolute; the network programs are attached to it. */
  readonly cgroupPath: string;
  readonly networkDeny: boolean;
  readonly killOnExec: boolean;
  /** Refuses what is executed, by BPF LSM; where the kernel has none the entry is made without, and says so. */
  readonly execDeny?: boolean;
  readonly cutProbes: boolean;
  /** Of networkDeny: what is let through; at most 32. */
  readonly allow: readonly AllowedPeer[];
  readonly until: bigint;
  readonly order: bigint;
}

/** `to`: what the container begins, to these ports of the peer; `from`: what the peer begins, to these of the container. */
export interface AllowedPeer {
  readonly direction: 'to' | 'from';
  readonly address: string;
  readonly bits: number;
  readonly protocol: 'any' | 'tcp' | 'udp';
  readonly low: number;
  readonly high: number;
}

/**
 * A failure that the addon reports. `code` is stable: PICKET_BPF_REFUSED (the kernel will not load or attach),
 * PICKET_NO_BTF, PICKET_PIN (bpffs), PICKET_PIN_NEWER (a newer picket's containment is pinned: hands off), PICKET_PIN_OLD
 * (a layout that this version cannot read), PICKET_CGROUP (no such cgroup), PICKET_CLOSED, PICKET_ARGUMENT.
 */
export interface NativeError extends Error {
  readonly code: string;
}

/** Loaded and attached programs. Safe in worker threads; every method throws PICKET_CLOSED after close(). */
export interface Probe {
  readonly hooks: readonly Hook[];
  /** Counts of the slots 0 and 1 and of every live one, summed over CPUs. */
  readCounts(): SlotCounts[];
  /** The same of those that counted anything since the last call of this, or went to another cgroup. */
  readChanges(): SlotCounts[];
  /** struct flow_entry back to back; the entries are removed, so that each window starts empty. */
  readFlows(): Buffer;
  /** Gives the slot of a removed cgroup back, with its counters set to 0. */
  freeSlot(slot: number, cgroup: number): void;
  /**
   * What a new pair of calls does in a slot: learn (as every slot begins) takes it silently, guard makes a RECORD_PAIR
   * of it. For the host: slot 1, cgroup 0. Freeing a slot clears its pairs and puts it back to learn.
   */
  setMode(slot: number, cgroup: number, mode: 'learn' | 'guard'): void;
  /**
   * Replaces the slot's known pairs: 8192 bytes, bit id(previous) * 256 + id(current), lowest bit of a byte first. What
   * is not in it is told again in guard. What the kernel adds in the same microsecond may be lost and told again.
   */
  loadPairs(slot: number, cgroup: number, pairs: Buffer): void;
  readPairs(slot: number, cgroup: number): Buffer;
  /** Reads and clears them: a pair that is made again is in the next reading. */
  takePairs(slot: number, cgroup: number): Buffer;
  /** 4096 counters of pairs, hashed: (previous * 512 + current) * 2654435761 mod 2^32, its upper 12 bits; they wrap. */
  readBigrams(slot: number, cgroup: number): Uint32Array;
  /**
   * Replaces what a slot is known to have done, by the keys of RECORD_NOVEL: what is not among them is told again. Gives
   * how many had no place; a slot has 1024. Freeing a slot empties it.
   */
  loadSeen(slot: number, cgroup: number, keys: BigUint64Array): number;
  counters(): ProbeCounters;
  /**
   * Bytes of kernel memory of the maps, as the kernel reports them (memlock of fdinfo), by what they grow with: slots, pairs
   * (CPUs), rings, flows (settings), other. Opens a file for each map.
   */
  maps(): Readonly<Record<string, number>>;
  /** Stops draining, hands over what is in the rings, detaches; containment stays. Idempotent. */
  close(): Promise<void>;
}

/** The pinned containment: lives without the probe and without the agent. */
export interface Containments {
  readonly hooks: readonly Hook[];
  /** True when programs pinned by an earlier agent were taken over as they are. */
  readonly adopted: boolean;
  /** Why the kernel refused exec deny when it was last asked for, or why it is in doubt; null: neither, or it was not asked. */
  readonly execDenyRefusal: string | null;
  /** Takes effect before it returns; a second call for a cgroup replaces the first and keeps its counters. */
  contain(request: ContainmentRequest): void;
  /** True when there was one. */
  release(cgroup: number): boolean;
  list(): Containment[];
  /** Addresses of this node, whose connections into a contained workload are let through; at most 64, no loopback. */
  setNodeAddresses(addresses: readonly string[]): void;
  /** Closes the handles only. */
  close(): void;
  /** Takes every pinned map, program and link off the node. Containments end. */
  remove(): void;
}

export interface OwnNumber {
  /** 0: not known. */
  readonly number: number;
  /** Why not; null where it is known. */
  readonly refusal: string | null;
}

export interface NativeAddon {
  /** Loads and attaches on a thread of its own; onBatch is called with whole records, never after close() resolved. */
  openProbe(options: ProbeOptions, onBatch: (records: Buffer) => void): Promise<Probe>;
  /**
   * Opens or installs the pinned programs: installing holds the loop some 30 ms, taking over less than one. What an older
   * layout contains is moved into this one, held at every moment; a newer layout is refused, PICKET_PIN_NEWER. A probe
   * with the same pinFolder hands over denials as RECORD_DENIED; without one they are only counted.
   */
  openContainments(options: { pinFolder: string; cgroupRoot: string }): Containments;
  /**
   * A short-lived process of ours in the cgroup tries to connect and to send to an address that nobody has. Rejects with
   * PICKET_CGROUP when none can be made there (kernel before 5.7, a cgroup outside of our cgroup namespace, frozen).
   */
  tryInside(options: { cgroup: number; cgroupPath: string }): Promise<NetworkTries>;
  /**
   * The same with these peers, in order, over the loopback device, so that nothing is sent to them: EPERM where the
   * containment refuses, 0 or another errno where it does not. At most 32.
   */
  tryPeers(options: {
    cgroup: number;
    cgroupPath: string;
    peers: readonly { address: string; protocol: 'tcp' | 'udp'; port: number }[];
  }): Promise<(number | null)[]>;
  /** What executing a program there says: 0, it ran; an errno; -1, it was ended. */
  tryExec(options: { cgroup: number; cgroupPath: string; program: string }): Promise<number>;
  /**
   * Starts the program of the canary with `nonce` as its only argument, as a child of this process and in its cgroup, and
   * waits for its end; its number in our pid namespace. @throws PICKET_CANARY when it cannot be started.
   */
  runCanary(options: { path: string; nonce: string }): Promise<number>;
  /**
   * This process's number as records have it, in the initial pid namespace: `process.pid` is another process's where the
   * agent is in a namespace of its own. 0 with the kernel's words where it is not known.
   */
  ownNumber(): OwnNumber;
  /** Sizes and offsets of the structs of records.h by `struct.member`, and its constants; for the layout test. */
  layout(): Record<string, number>;
  /**
   * Makes the scheduler wake all threads of this process soon, and gives them this nice value. @throws PICKET_PRIORITY
   * when that value is refused (below 0 it needs CAP_SYS_NICE); they are woken soon all the same.
   */
  preferThreads(nice: number): void;
  /**
   * Gives back what only the start needed: freed heap, and pages of program files that are mapped again when touched.
   * Bytes of the latter.
   */
  releaseMemory(): number;
  /** What this kernel offers, without loading anything that stays. */
  features(): KernelFeatures;
  /** Programs that are attached where picket's are, picket's own among them. Asks for CAP_SYS_ADMIN. */
  bpfUsers(cgroupRoot: string): BpfUsers;
}

/** What each call said: 0 or an errno; 1 (EPERM): refused by containment. Null: no such sockets here. */
export type NetworkTries = Readonly<Record<'tcp4' | 'tcp6' | 'udp4' | 'udp6', number | null>>;

export interface BpfUser {
  /** As in Hook, or raw_tp/... */
  readonly hook: string;
  readonly id: number;
  /** At most 15 characters. */
  readonly name: string;
}

export interface BpfUsers {
  /** `exclusive`: nobody else may attach to this cgroup or one below. */
  readonly onRoot: readonly (BpfUser & { readonly exclusive: boolean })[];
  readonly onTracepoints: readonly BpfUser[];
  /** Why what stands here is not all, or null. */
  readonly refusal: string | null;
}

export interface KernelFeatures {
  readonly btf: boolean;
  readonly ringBuffer: boolean;
  readonly taskStorage: boolean;
  readonly tracingBtf: boolean;
  readonly cgroupSkb: boolean;
  readonly bpfLsm: boolean;
  /** The kernel's words for the first required thing that is missing, or null. */
  readonly refusal: string | null;
}

/** The program of the canary, which is built beside the addon. */
export function canaryPath(): string {
  const here = fileURLToPath(import.meta.url);
  const up = here.endsWith('.ts') ? '../build/Release/picket-canary' : '../../build/Release/picket-canary';
  return fileURLToPath(new URL(up, import.meta.url));
}

/** Loads the addon. Throws with the path and the loader's reason when it was not built for this machine. */
export function loadAddon(): NativeAddon {
  // From the sources this file is native/index.ts, from the emitted code dist/native/index.js; the build is beside package.json.
  const here = fileURLToPath(import.meta.url);
  const up = here.endsWith('.ts') ? '../build/Release/picket.node' : '../../build/Release/picket.node';
  // PICKET_INTERNAL_ADDON: the same under sanitizers, for the tests.
  const path = process.env['PICKET_INTERNAL_ADDON'] ?? fileURLToPath(new URL(up, import.meta.url));
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    throw new Error(`cannot load the native addon ${path}: ${(error as Error).message}`, { cause: error });
  }
}
