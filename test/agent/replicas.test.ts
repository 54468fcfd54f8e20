/** Containers of one workload side by side, of which nothing is known yet. */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../agent/features/fact.ts';
import { type Window, WindowBuilder } from '../../agent/features/window.ts';
import type { Container } from '../../agent/identity/container.ts';
import { Baseline } from '../../agent/models/baseline.ts';
import { Replicas, ReplicaWindow } from '../../agent/replicas.ts';
import { lots } from './models/volume/lots.ts';

const WINDOW_NS = 5_000_000_000n;

interface Did {
  readonly syscalls: number;
  readonly bytesOut: number;
  readonly facts?: readonly Fact[];
}

/** So many containers of one workload; each window tells what container `i` did. */
class Siblings {
  readonly baseline = new Baseline('c1/n/Deployment/shop', { learnWindows: 1000, matureWindows: 2000 });
  readonly #replicas = new Replicas();
  readonly #windows: ReplicaWindow[];
  readonly #versionOf: (i: number) => string;
  #startNs = 0n;

  constructor(count: number, versionOf = (_: number): string => '') {
    this.#versionOf = versionOf;
    this.#windows = Array.from({ length: count }, () => new ReplicaWindow(this.#replicas));
  }

  /** What is told, by container. */
  go(windows: number, did: (i: number, n: number) => Did): { i: number; summary: string; bits: number }[] {
    const told: { i: number; summary: string; bits: number }[] = [];
    for (let n = 0; n < windows; n++) {
      for (const [i, detector] of this.#windows.entries()) {
        const identity = { imageDigest: this.#versionOf(i) };
        const container = { id: `c${i}`, cgroup: i, identity } as Container;
        const window = windowOf(did(i, n), this.#startNs);
        const judging = { baseline: this.baseline, container, steps: 0, share: 1, host: false };
        for (const { summary, bits } of detector.end(window, judging)) told.push({ i, summary, bits });
        detector.settle(this.baseline, true);
      }
      this.#startNs += WINDOW_NS;
    }
    return told;
  }
}

function windowOf({ syscalls, bytesOut, facts = [] }: Did, startNs: bigint): Window {
  const builder = new WindowBuilder(startNs);
  const none = { slot: 1, cgroup: 1, compatNumbers: [], compatCounts: [], forks: 0, execs: 0, exits: 0 };
  builder.slot({ ...none, numbers: [0, 1], counts: [syscalls, 7], lost: 0, losses: {}, pairs: [] });
  const last = startNs + 1n;
  const ends = {
    protocol: 'tcp',
    direction: 'connect',
    peer: '10.0.0.1',
    port: 80,
    slot: 1,
    cgroup: 1,
  } as const;
  builder.flow({
    ...ends,
    opened: 0,
    attempts: 0,
    failures: 0,
    first: last,
    last,
    bytesIn: 10,
    bytesOut,
    segmentsIn: 1,
    segmentsOut: 1,
  });
  for (const fact of facts) builder.fact(fact);
  return builder.close(startNs + WINDOW_NS);
}

const SHELL: Fact = { kind: 'exec', value: 'node > /usr/bin/dash -c curl' };
const PEER: Fact = { kind: 'connect', value: '203.0.113.9:443' };
const SECRET: Fact = { kind: 'file', value: 'curl r /etc/shadow' };

/** Load that is shared by chance, and the same programs at different times. */
function alike(seed: number): (i: number, n: number) => Did {
  const lot = lots(seed);
  return (i, n) => ({
    syscalls: 2000 * (0.5 + lot()),
    bytesOut: 50_000 * (0.5 + lot()),
    facts: (n + i) % 7 === 0 ? [{ kind: 'exec', value: 'node > /usr/bin/df' }] : [],
  });
}

describe.each([2, 3, 8])('%i siblings', (count) => {
  test('that do the same are not told apart', () => {
    expect(new Siblings(count).go(300, alike(1))).toEqual([]);
  });

  test('one that does what none of the others does is told, with what it does and how many they are', () => {
    const siblings = new Siblings(count);
    const usual = alike(2);
    siblings.go(160, usual);
    const told = siblings.go(24, (i, n) => {
      const did = usual(i, n);
      return i === 1 ? { ...did, facts: [...(did.facts ?? []), SHELL, PEER, SECRET] } : did;
    });
    expect(told.map(({ i }) => i)).toEqual([1]);
    expect(told[0]?.summary).toBe(
      `unlike its ${count - 1} live sibling(s): only it: exec ${SHELL.value}; only it: connect ${PEER.value}; only it: file ${SECRET.value}`,
    );
    expect(told[0]?.bits).toBeGreaterThanOrEqual(8);
  });

  test('one that sends a hundred times as much is told with what the others send', () => {
    const siblings = new Siblings(count);
    const usual = alike(3);
    siblings.go(160, usual);
    const told = siblings.go(24, (i, n) => {
      const did = usual(i, n);
      return i === 0 ? { ...did, bytesOut: 5_000_000, syscalls: 200_000 } : did;
    });
    expect(told.map(({ i }) => i)).toEqual([0]);
    expect(told[0]?.summary).toMatch(/bytesOut \S+ [kM]B\/s, siblings \S+ kB\/s/);
  });
});

test('one alone has nobody to be compared with, and few comparisons say nothing', () => {
  expect(
    new Siblings(1).go(200, (_, n) => ({ syscalls: 10 ** (n % 6), bytesOut: 1, facts: [SHELL] })),
  ).toEqual([]);
  expect(
    new Siblings(2).go(30, (i) => ({ syscalls: 10 ** (6 * i), bytesOut: 1, facts: i === 0 ? [SHELL] : [] })),
  ).toEqual([]);
});

test('a difference that was there from the beginning, as of one that leads, is ordinary', () => {
  const usual = alike(4);
  const leads = (i: number, n: number): Did => {
    const did = usual(i, n);
    return i === 0 ? { ...did, syscalls: did.syscalls * 50, bytesOut: did.bytesOut * 50 } : did;
  };
  expect(new Siblings(3).go(300, leads)).toEqual([]);
});

test('who is gone is no sibling any more', () => {
  const replicas = new Replicas();
  const window = (startNs: bigint): Window => windowOf({ syscalls: 10, bytesOut: 10 }, startNs);
  const known = { workload: 'w', seen: () => 0 };
  for (let n = 0n; n < 20n; n++)
    for (const id of ['a', 'b']) replicas.note('w', { key: id, version: '' }, window(n * WINDOW_NS));
  const nowNs = 20n * WINDOW_NS;
  expect(replicas.compare(known, 'a', nowNs)?.siblings).toBe(1);
  for (let n = 20n; n < 30n; n++) replicas.note('w', { key: 'a', version: '' }, window(n * WINDOW_NS));
  expect(replicas.compare(known, 'a', 30n * WINDOW_NS)).toBeNull();
  replicas.forget('w', 'b');
  expect(replicas.compare(known, 'b', nowNs)).toBeNull();
});

test('two versions side by side are each compared with their own: what a release changed makes no container odd', () => {
  const usual = alike(6);
  const byVersion = (version: (i: number) => string) => {
    const siblings = new Siblings(5, version);
    siblings.go(160, usual);
    // The first two do what the other three do not: another image, or the same.
    return siblings.go(200, (i, n) => {
      const did = usual(i, n);
      return i < 2 ? { ...did, bytesOut: 5_000_000, syscalls: 200_000 } : did;
    });
  };
  expect(byVersion((i) => (i < 2 ? 'sha256:new' : 'sha256:old'))).toEqual([]);
  expect(byVersion(() => 'sha256:old').length).toBeGreaterThan(0);
});

test('within its version one that is odd is told, and a digest that is not known is that of any other', () => {
  const usual = alike(7);
  const siblings = new Siblings(
    5,
    (i) => ['sha256:new', 'sha256:new', '', 'sha256:old', 'sha256:old'][i] ?? '',
  );
  siblings.go(160, usual);
  const told = siblings.go(24, (i, n) => {
    const did = usual(i, n);
    return i === 1 ? { ...did, facts: [SHELL, PEER, SECRET] } : did;
  });
  expect(told.map(({ i, summary }) => `${i} ${summary.slice(0, 26)}`)).toEqual([
    '1 unlike its 2 live sibling(',
  ]);
});
