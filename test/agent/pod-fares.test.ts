/** Restarts, back-offs, failed pulls, ends for want of memory and lives of a workload's containers as numbers of windows. */
import { describe, expect, test } from 'vitest';
import { FARES_FEATURES } from '../../agent/features/catalogue.ts';
import { FARES_NAMES } from '../../agent/features/fares-row.ts';
import { PodStates } from '../../agent/identity/pod-states.ts';
import type { ContainerState, Pod } from '../../agent/identity/pods.ts';
import { type FaresFinding, PodFares } from '../../agent/pod-fares.ts';

const ENDED = { reason: 'Error', exitCode: 1, lifetimeMs: 12_000 };
type State = Partial<Omit<ContainerState, 'container'>>;

/** A node whose pod list is given before each window. */
class Node {
  readonly states = new PodStates();
  readonly fares = new PodFares();
  /** Steps of the last window's end. */
  steps = 0;
  #now = 0n;

  window(pods: Readonly<Record<string, State | null>>): FaresFinding[] {
    this.#now += 5_000_000_000n;
    const list = Object.entries(pods).map(([name, state]) => podOf(name, state));
    this.states.take(list, this.#now);
    this.fares.take(list, this.states.changes);
    const steps = [...this.fares.tick()];
    this.steps = steps.length;
    return steps.filter((found) => found !== null);
  }

  /** Windows in which nothing happens to the web's containers. */
  calm(windows: number, state: State | null = null): FaresFinding[] {
    return Array.from({ length: windows }, () => this.window({ 'web-1': state })).flat();
  }
}

function podOf(name: string, state: State | null): Pod {
  const container = name.startsWith('web') ? 'web' : name;
  return {
    ...{ uid: name, name, namespace: 'shop', workload: { kind: 'Deployment', name: container } },
    containers: [{ id: 'a', name: container, image: '', digest: '' }],
    states: state === null ? [] : [{ container, restarts: 0, waiting: '', ended: null, ...state }],
  } as unknown as Pod;
}
const summaries = (found: readonly FaresFinding[]): string[] => found.map(({ verdict }) => verdict.summary);

describe('how a workload fares', () => {
  test('is numbers of the catalogue', () => {
    expect(FARES_NAMES).toEqual(FARES_FEATURES.map(({ name }) => name));
  });

  test('the first starts anew after an hour of calm are told by their numbers, once for an episode', () => {
    const node = new Node();
    expect(node.calm(720)).toEqual([]);
    const found = node.window({ 'web-1': { restarts: 3, ended: ENDED } });
    expect(found).toMatchObject([
      {
        podUid: 'web-1',
        container: 'web',
        verdict: { detector: 'volume', severity: 'low', bits: 0, kind: 'pod-state', flags: false },
      },
    ]);
    expect(found[0]?.verdict.summary).toMatch(/^shop\/Deployment\/web\/web: .*podStarts 3, usually 0/);
    expect(found[0]?.verdict.facts['numbers']).toContain('podFailedEnds 1, usually 0');
    expect(summaries(node.window({ 'web-1': { restarts: 4, ended: ENDED } }))).toEqual([]);
  });

  test.each([
    ['a back-off', { waiting: 'CrashLoopBackOff' }, 'podBackOff 1'],
    ['an image that cannot be pulled', { waiting: 'ImagePullBackOff' }, 'podImageWaits 1'],
    ['want of memory', { restarts: 1, ended: { ...ENDED, reason: 'OOMKilled' } }, 'podMemoryEnds 1'],
  ])('%s is a number of its own', (_, state, expected) => {
    const node = new Node();
    node.calm(720);
    const found = node.window({ 'web-1': state });
    expect(found).toHaveLength(1);
    expect(found[0]?.verdict.facts['numbers']).toContain(`${expected}, usually 0`);
  });

  test('what is usual is not told: containers that are started anew every minute', () => {
    const node = new Node();
    let restarts = 0;
    const minute = (): FaresFinding[] => {
      restarts += 1;
      return [
        ...node.window({ 'web-1': { restarts, ended: ENDED } }),
        ...node.calm(11, { restarts, ended: ENDED }),
      ];
    };
    for (let n = 0; n < 60; n++) minute();
    expect(Array.from({ length: 30 }, minute).flat()).toEqual([]);
    // Ten at once are not.
    restarts += 10;
    const found = node.window({ 'web-1': { restarts, ended: ENDED } });
    expect(summaries(found)).toEqual([expect.stringContaining('podStarts 10, usually')]);
  });

  test('a restart of the agent, and a pod that is first seen, are no starts; a list that is told twice counts once', () => {
    const node = new Node();
    const old = { restarts: 900, ended: ENDED };
    expect(node.window({ 'web-1': old })).toEqual([]);
    expect(node.calm(720, old)).toEqual([]);
    expect(node.window({ 'web-1': old, 'web-2': old })).toEqual([]);
    expect(node.window({ 'web-1': old, 'web-2': old })).toEqual([]);
  });

  test('replicas are one: what they do adds up', () => {
    const node = new Node();
    node.calm(720);
    const pods = Object.fromEntries(['web-1', 'web-2', 'web-3'].map((name) => [name, { restarts: 0 }]));
    node.window(pods);
    const found = node.window({ ...pods, 'web-1': { restarts: 1 }, 'web-3': { restarts: 2 } });
    expect(found[0]?.verdict.facts['numbers']).toContain('podStarts 3, usually 0');
  });

  test('an hour of calm is learnt in steps, when the first trouble comes', () => {
    const node = new Node();
    node.calm(720);
    expect(node.steps).toBe(1);
    node.window({ 'web-1': { restarts: 3, ended: ENDED } });
    expect(node.steps).toBeGreaterThan(20);
  });

  test('the loops of a new version are judged though the old pod went before the new one came', () => {
    const node = new Node();
    node.calm(720);
    for (let n = 0; n < 700; n++) expect(node.window({})).toEqual([]);
    expect(node.window({ 'web-2': { restarts: 0 } })).toEqual([]);
    expect(node.window({ 'web-2': { restarts: 3, ended: ENDED } })).toMatchObject([
      { podUid: 'web-2', container: 'web', verdict: { detector: 'volume' } },
    ]);
  });

  test('workloads are bounded and counted beyond; an hour after its pods one is forgotten', () => {
    const node = new Node();
    const crowd = Object.fromEntries(Array.from({ length: 1030 }, (_, n) => [`w${n}`, null]));
    node.window(crowd);
    expect([node.fares.size, node.fares.refused]).toEqual([1024, 6]);
    node.calm(720);
    expect([node.fares.size, node.fares.refused]).toEqual([1024, 6]);
    node.calm(1);
    expect(node.fares.size).toBe(1);
  });

  test('of those without pods who went first makes room', () => {
    const node = new Node();
    node.calm(720);
    const others = Object.fromEntries(Array.from({ length: 1023 }, (_, n) => [`w${n}`, null]));
    node.window(others);
    node.window({ w0: null });
    node.window({ w0: null, fresh: null });
    expect([node.fares.size, node.fares.refused]).toEqual([1024, 0]);
    node.window({ w0: null, 'web-1': { restarts: 0 } });
    expect(node.window({ w0: null, 'web-1': { restarts: 3, ended: ENDED } })).toEqual([]);
  });
});
