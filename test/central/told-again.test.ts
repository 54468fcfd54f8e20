/** That a node fell silent or deaf is told though the first write of it failed, and so is that it is back. */
import { expect, test } from 'vitest';
import type { Hearing } from '../../central/correlate/deafness.ts';
import { createDeafness } from '../../central/deafness.ts';
import { createSilence } from '../../central/silence.ts';
import { createMetrics } from '../../kit/metrics.ts';

const MINUTE = 60_000;

class World {
  now = 0;
  full = false;
  readonly written: string[] = [];
  readonly asked: number[] = [];
  readonly nodes = [
    { cluster: 'local', node: 'a', lastSeenMs: 0 },
    { cluster: 'local', node: 'b', lastSeenMs: 0 },
  ];
  failures = 0;
  readonly parts = {
    store: {
      reports: { nodes: async () => this.nodes.map((one) => ({ ...one })) },
      canaries: {
        hearings: async (_: number, sinceMs: number) => {
          this.asked.push(sinceMs);
          const more = { intervalMs: MINUTE, sinceMs: 0, provedMs: 1, failures: this.failures };
          return this.nodes.map((one): Hearing => ({ ...one, ...more, result: '', detail: '' }));
        },
      },
      incidents: {
        memberships: async (ids: readonly string[]) => {
          this.refuse();
          this.written.push(`back ${ids.length}`);
          return new Map();
        },
      },
    },
    pipeline: {
      takeEvidence: async (work: (store: object) => Promise<readonly { readonly node: string }[]>) => {
        const evidence = await work({
          outside: { add: async () => undefined },
          incidents: { isClosedFor: async () => false },
        });
        this.refuse();
        this.written.push(...evidence.map(({ node }) => node));
      },
    },
    notify: () => undefined,
    clock: { wallMs: () => this.now },
    metrics: createMetrics('central'),
  };

  private refuse(): void {
    if (!this.full) return;
    this.written.push('failed');
    throw new Error('the disk is full');
  }
}

test('a node that fell silent, and that is back', async () => {
  const world = new World();
  const silence = createSilence({ ...world.parts, afterMs: MINUTE } as never);
  world.now = 2 * MINUTE;
  world.full = true;
  await expect(silence.tick()).rejects.toThrow('full');
  expect(world.written.splice(0)).toEqual(['failed', 'failed']);
  world.full = false;
  await silence.tick();
  await silence.tick();
  expect(world.written.splice(0)).toEqual(['a', 'b']);
  for (const node of world.nodes) node.lastSeenMs = world.now;
  world.full = true;
  await expect(silence.tick()).rejects.toThrow('full');
  world.full = false;
  world.written.splice(0);
  await silence.tick();
  expect(world.written).toEqual(['back 1', 'back 1']);
});

test('a node that is deaf, and that is proved to see again', async () => {
  const world = new World();
  const deafness = createDeafness({ ...world.parts, silentAfterMs: 60 * MINUTE } as never);
  world.now = MINUTE;
  world.failures = 2;
  world.full = true;
  await expect(deafness.tick()).rejects.toThrow('full');
  world.full = false;
  world.written.splice(0);
  await deafness.tick();
  await deafness.tick();
  expect(world.written.splice(0)).toEqual(['a', 'b']);
  world.failures = 0;
  world.full = true;
  await expect(deafness.tick()).rejects.toThrow('full');
  world.full = false;
  world.written.splice(0);
  await deafness.tick();
  expect(world.written).toEqual(['back 1', 'back 1']);
  expect(world.asked[0]).toBe(MINUTE - 86_400_000);
});
