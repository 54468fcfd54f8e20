/**
 * What the containers of a workload did on this node in an interval, as sketches that merge with those of other nodes.
 * Fed once per window and fact, never per record. Values go in as keyed hashes, so that no name leaves the node.
 */

import { Cardinality } from '../../kit/sketch/cardinality.ts';
import { Frequency } from '../../kit/sketch/frequency.ts';
import { type Hasher, type HashKey, hasherOf } from '../../kit/sketch/hash-key.ts';
import { Quantiles } from '../../kit/sketch/quantiles.ts';
import { encodeSketch, type Sketch } from '../../kit/sketch/sketch.ts';
import type { Input, WorkloadSketches } from '../../wire/index.ts';
import type { Fact } from '../features/fact.ts';
import type { OwnedWindow } from './shapes.ts';

/** Workloads of one interval; the largest node runs some hundreds of containers. At most 35 KiB each, usually 1. */
const MOST_WORKLOADS = 2048;

/** The part of a fact that is counted, by what it is counted as; null: this fact is not. */
const VALUES: Readonly<Record<'peers' | 'executables' | 'folders', (fact: Fact) => string | null>> = {
  // peer:port, of which the peer may hold colons too
  peers: ({ kind, value }) => (kind === 'connect' ? value.replace(/:[^:]*$/, '') : null),
  // parent > path shape
  executables: ({ kind, value }) => (kind === 'exec' ? (/ > (\S+)/.exec(value)?.[1] ?? value) : null),
  // program r path
  folders: ({ kind, value }) => (kind === 'file' ? (/ [rw] (.*)\/[^/]*$/.exec(value)?.[1] ?? value) : null),
};
const DISTINCT = Object.entries(VALUES) as readonly (readonly [
  keyof typeof VALUES,
  (fact: Fact) => string | null,
])[];

interface Gathered {
  readonly distinct: Readonly<Record<keyof typeof VALUES, Cardinality>>;
  /** In how many windows each peer was connected to. */
  readonly peerWindows: Frequency;
  /** Per window and container. */
  readonly syscalls: Quantiles;
  readonly cpuUs: Quantiles;
  readonly memoryBytes: Quantiles;
}

const gather = (): Gathered => ({
  distinct: { peers: new Cardinality(), executables: new Cardinality(), folders: new Cardinality() },
  peerWindows: new Frequency(),
  syscalls: new Quantiles(),
  cpuUs: new Quantiles(),
  memoryBytes: new Quantiles(),
});

export class SketchBook {
  #key: HashKey;
  #hash: Hasher;
  #startNs: bigint;
  readonly #workloads = new Map<string, Gathered>();
  readonly #emit: (sketches: Input<WorkloadSketches>) => void;
  /** Windows of workloads for which there was no room. */
  refused = 0;

  constructor(key: HashKey, startNs: bigint, emit: (sketches: Input<WorkloadSketches>) => void) {
    this.#key = key;
    this.#hash = hasherOf(key);
    this.#startNs = startNs;
    this.#emit = emit;
  }

  get keyId(): string {
    return this.#key.id;
  }

  window({ container, facts, counts, resources }: OwnedWindow): void {
    const gathered = this.#of(container.identity.workload);
    if (gathered === null) return;
    for (const fact of facts) this.#fact(gathered, fact);
    gathered.syscalls.add(counts.syscalls);
    if (resources?.cpuUs != null) gathered.cpuUs.add(resources.cpuUs);
    if (resources?.memoryBytes != null) gathered.memoryBytes.add(resources.memoryBytes);
  }

  /** Values from now on are hashed with this key. What was gathered with the other goes out under that. */
  use(key: HashKey, nowNs: bigint): void {
    if (key.id === this.#key.id) return;
    this.flush(nowNs);
    this.#key = key;
    this.#hash = hasherOf(key);
  }

  /** The end of an interval. */
  flush(nowNs: bigint): void {
    for (const [workload, gathered] of this.#workloads)
      this.#emit({ workload, startNs: this.#startNs, endNs: nowNs, sketches: this.#encoded(gathered) });
    this.#workloads.clear();
    this.#startNs = nowNs;
  }

  #of(workload: string): Gathered | null {
    const known = this.#workloads.get(workload);
    if (known !== undefined) return known;
    if (this.#workloads.size >= MOST_WORKLOADS) {
      this.refused += 1;
      return null;
    }
    const made = gather();
    this.#workloads.set(workload, made);
    return made;
  }

  #fact(gathered: Gathered, fact: Fact): void {
    for (const [what, part] of DISTINCT) {
      const value = part(fact);
      if (value === null) continue;
      const hash = this.#hash(`${what} ${value}`);
      gathered.distinct[what].add(hash);
      if (what === 'peers') gathered.peerWindows.add(hash, 1);
    }
  }

  #encoded({
    distinct,
    peerWindows,
    syscalls,
    cpuUs,
    memoryBytes,
  }: Gathered): Input<WorkloadSketches>['sketches'] {
    const { id } = this.#key;
    const one = (what: string, key: string, sketch: Sketch) =>
      sketch.empty ? [] : [{ what, key, ...encodeSketch(sketch) }];
    return [
      ...DISTINCT.flatMap(([what]) => one(what, id, distinct[what])),
      ...one('peer-windows', id, peerWindows),
      ...one('syscalls', '', syscalls),
      ...one('cpu-us', '', cpuUs),
      ...one('memory-bytes', '', memoryBytes),
    ];
  }
}
