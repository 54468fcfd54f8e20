import { expect, test } from 'vitest';
import { COUNT_FEATURES, FACT_FEATURES } from '../../../agent/features/catalogue.ts';
import { NO_DNS } from '../../../agent/features/dns-window.ts';
import { FACT_KINDS } from '../../../agent/features/fact.ts';
import { WindowBuilder } from '../../../agent/features/window.ts';

const tick = {
  slot: 2,
  cgroup: 5,
  numbers: [0, 1],
  counts: [10, 5],
  forks: 1,
  execs: 2,
  exits: 3,
  lost: 0,
  losses: {},
  compatNumbers: [],
  compatCounts: [],
  pairs: [],
};
const flow = {
  slot: 2,
  cgroup: 5,
  peer: '1.1.1.1',
  port: 1,
  opened: 4,
  attempts: 6,
  failures: 2,
  first: 1n,
  last: 2n,
  bytesIn: 100,
  bytesOut: 1000,
  segmentsIn: 5,
  segmentsOut: 7,
} as const;

test('gathers what a container did between two ticks', () => {
  const builder = new WindowBuilder(100n);
  builder.slot(tick);
  builder.calls([1, ...Array(14).fill(0), 4]);
  builder.calls([2]);
  builder.flow({ ...flow, protocol: 'tcp', direction: 'connect' });
  builder.flow({ ...flow, protocol: 'tcp', direction: 'accept' });
  builder.flow({ ...flow, protocol: 'udp', direction: 'connect' });
  builder.fact({ kind: 'accept', value: '80' });
  builder.fact({ kind: 'accept', value: '80' });
  const window = builder.close(200n);
  expect(window).toEqual({
    startNs: 100n,
    endNs: 200n,
    classes: [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4],
    resources: null,
    counts: {
      syscalls: 15,
      distinctSyscalls: 2,
      execs: 2,
      forks: 1,
      exits: 3,
      connects: 6,
      accepts: 4,
      failures: 2,
      oomKills: 0,
      bytesIn: 300,
      bytesOut: 3000,
      segments: 24,
      datagrams: 12,
      dnsQuestions: 6,
      dnsFailures: 2,
      ...NO_DNS,
    },
    facts: [{ kind: 'accept', value: '80' }],
    lost: 0,
    losses: {},
    complete: true,
  });
  expect(COUNT_FEATURES.map(({ name }) => name).toSorted()).toEqual(Object.keys(window.counts).toSorted());
  expect(FACT_FEATURES.map(({ name }) => name)).toEqual(FACT_KINDS);
});

test('is incomplete when something was lost or did not fit', () => {
  const lossy = new WindowBuilder(0n);
  lossy.slot({ ...tick, lost: 7, losses: { 'throttled/exec': 4 } });
  lossy.anybodys({ 'queue-full': 9 });
  expect(lossy.close(1n)).toMatchObject({
    lost: 7,
    losses: { 'throttled/exec': 4, unknown: 3, 'anybody/queue-full': 9 },
    complete: false,
  });
  const full = new WindowBuilder(0n);
  for (let n = 0; n < 1024; n++) full.fact({ kind: 'exec', value: `a > /b${n}` });
  full.fact({ kind: 'exec', value: 'a > /b0' });
  expect(full.complete).toBe(true);
  full.fact({ kind: 'exec', value: 'a > /one more' });
  expect([full.complete, full.close(1n).facts.length]).toEqual([false, 1024]);
});
