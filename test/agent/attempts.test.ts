/** Somebody tries the doors of a workload whose ordinary days are known. */
import { describe, expect, test } from 'vitest';
import type { Detection } from '../../agent/alerts/detection.ts';
import { actionRecord, exitRecord, flowEntry, SECOND } from '../builders/records.ts';
import { API, NODE_PROCESS, shop } from '../builders/shop.ts';
import { makePipeline, type World } from '../builders/world.ts';
import { lots } from './models/volume/lots.ts';

const SLOT = 2;
const CGROUP = 500;

interface Connections {
  readonly direction?: 'accept' | 'connect';
  readonly peer: string;
  readonly port: number;
  readonly count: number;
  /** Of each. */
  readonly bytes: number;
  readonly answered?: boolean;
}

const entryOf = ({ direction = 'accept', peer, port, count, bytes, answered = true }: Connections): Buffer =>
  flowEntry({
    slot: SLOT,
    cgroup: CGROUP,
    direction,
    peer,
    port,
    opened: answered ? count : 0,
    attempts: direction === 'connect' ? count : 0,
    failures: answered ? 0 : count,
    bytesIn: Math.round((count * bytes) / 2),
    bytesOut: Math.round((count * bytes) / 2),
  });

/** Clients by chance, a probe every second window, somebody who logs in and a database called anew now and then. */
function ordinary(lot: () => number, n: number, load = 1): Connections[] {
  const clients = Math.round(load * (1 + 5 * lot()));
  return [
    { peer: '10.0.3.1', port: 3000, count: clients, bytes: 3000 + 20_000 * lot() },
    { peer: '10.0.3.2', port: 3000, count: Math.ceil(clients / 2), bytes: 2000 + 9000 * lot() },
    ...(n % 2 === 0 ? [{ peer: '10.0.0.1', port: 3000, count: 1, bytes: 250 }] : []),
    ...(lot() < 0.4 ? [{ peer: '10.0.3.9', port: 22, count: 1, bytes: 9000 + 9000 * lot() }] : []),
    ...(lot() < 0.3
      ? [{ direction: 'connect', peer: '10.0.9.9', port: 5432, count: 1, bytes: 6000 } as const]
      : []),
  ];
}

class Day {
  readonly world: World = shop();
  readonly #made = makePipeline();
  readonly #lot = lots(3);
  #n = 0;

  /** Windows in which `more` happens beside what happens anyway. */
  go(windows: number, more: (n: number) => readonly Connections[] = () => [], load = 1): this {
    for (let n = 0; n < windows; n++) {
      const all = [...ordinary(this.#lot, this.#n, load), ...more(n)];
      this.#n += 1;
      this.world.tick({ flows: Buffer.concat(all.map(entryOf)) });
    }
    for (const frame of this.world.frames.splice(0)) this.#made.pipeline.frame(frame);
    return this;
  }

  get told(): Detection[] {
    return this.#made.told.detections.filter(({ detector }) => detector === 'access');
  }

  get alerts(): number {
    return this.#made.told.alerts.filter(({ detectors }) => detectors.includes('access')).length;
  }
}

const LEARNT = 240;
const known = (): Day => new Day().go(LEARNT);

describe('nothing is said', () => {
  test('of ordinary days, and while little is known', () => {
    const day = new Day().go(20, () => [{ peer: '203.0.113.9', port: 22, count: 40, bytes: 300 }]);
    expect(day.told).toEqual([]);
    expect(known().go(300).told).toEqual([]);
  });

  test('of five times the load', () => {
    expect(known().go(60, () => [], 5).told).toEqual([]);
  });

  test('of a new probe that connects every ten seconds', () => {
    const probe = (n: number): Connections[] =>
      n % 2 === 0 ? [{ peer: '10.0.0.7', port: 3000, count: 1, bytes: 200 }] : [];
    expect(known().go(120, probe).told).toEqual([]);
  });

  test('of a database that is down and called again and again', () => {
    const down = (): Connections[] => [
      { direction: 'connect', peer: '10.0.9.9', port: 5432, count: 6, bytes: 0, answered: false },
    ];
    expect(known().go(24, down).told).toEqual([]);
  });
});

describe('guessing', () => {
  test('forty connections that end at once are told with who makes them, once', () => {
    const day = known().go(6, () => [{ peer: '203.0.113.9', port: 3000, count: 40, bytes: 300 }]);
    const [told, ...more] = day.told;
    expect(more).toEqual([]);
    expect(told?.container.identity.workload).toBe(API);
    expect(told?.techniques).toEqual(['T1110']);
    expect(told?.summary).toMatch(
      /^\d\d connections to its port 3000 that were cut short in one window, usually \d, most of them from 203\.0\.113\.9$/,
    );
    expect(day.alerts).toBeGreaterThan(0);
  });

  test('what is left of tries that were told is not told again with the next few', () => {
    const guess = (count: number) => (): Connections[] => [
      { peer: '203.0.113.9', port: 22, count, bytes: 300 },
    ];
    const day = known().go(1, guess(90)).go(13);
    expect(day.told.length).toBe(1);
    // Of these the door expects nearly all to be cut short by now.
    day.go(1, guess(1)).go(1).go(1, guess(30)).go(1);
    expect(day.told.length).toBe(1);
  });

  test('they count in full while a runtime sets a probe up in the container', () => {
    const day = known();
    const { world } = day;
    const daemon = { pid: 77, start: 990n * SECOND };
    const entering = { ...daemon, cgroup: 1, slot: 1, action: 'SETNS', exe: 'runtimed' } as const;
    world.records(actionRecord({ ...entering, time: world.later() }));
    const runtime = { pid: 7000, start: world.now, parentPid: daemon.pid, parentStart: daemon.start };
    world.exec({ slot: SLOT, ...runtime, path: '/usr/bin/runc', parentExe: 'runtimed' });
    day.go(1, () => [{ peer: '203.0.113.9', port: 3000, count: 40, bytes: 300 }]);
    expect(day.told.map(({ facts, bits }) => [facts['context'], bits >= 16])).toEqual([[undefined, true]]);
    expect(day.alerts).toBeGreaterThan(0);
  });

  test('one try every two and a half seconds becomes an alert within five minutes', () => {
    const slow = (): Connections[] => [{ peer: '203.0.113.9', port: 22, count: 2, bytes: 300 }];
    const day = known().go(12 * 5, slow);
    expect(day.told[0]?.summary).toMatch(/connections to its port 22 that were cut short in 1 min/);
    expect(day.told.length).toBeGreaterThan(1);
    expect(day.told.length).toBeLessThanOrEqual(5);
    expect(day.alerts).toBeGreaterThan(0);
  });

  test('many peers that try a little each are added up', () => {
    const many = (n: number): Connections[] =>
      Array.from({ length: 10 }, (_, i) => ({
        peer: `203.0.113.${10 * (n % 20) + i}`,
        port: 22,
        count: 1,
        bytes: 300,
      }));
    expect(known().go(6, many).told[0]?.techniques).toEqual(['T1110']);
  });

  test('tries at another workload that the container calls are told at their end as well', () => {
    const out: Connections = { direction: 'connect', peer: '10.0.9.9', port: 5432, count: 30, bytes: 300 };
    expect(known().go(3, () => [out]).told[0]?.summary).toMatch(
      /connections to 10\.0\.9\.9:5432 that were cut short in one window, usually 0, most of them to 10\.0\.9\.9/,
    );
  });

  test('who tries is named: the peer of connections that come, the process and the peer of those it makes', () => {
    const came = known().go(1, () => [{ peer: '203.0.113.9', port: 3000, count: 40, bytes: 300 }]).told;
    expect(came[0]).toMatchObject({ process: null, facts: { peer: '203.0.113.9' } });
    const day = known();
    const caller = { slot: SLOT, cgroup: CGROUP, ...NODE_PROCESS, time: day.world.later(), exe: 'node' };
    day.world.flow({ ...caller, direction: 'connect', peer: '10.0.9.9', port: 5432 });
    const [made] = day.go(1, () => [
      { direction: 'connect', peer: '10.0.9.9', port: 5432, count: 30, bytes: 300 },
    ]).told;
    expect(made).toMatchObject({
      process: { pid: NODE_PROCESS.pid, startNs: NODE_PROCESS.start, exe: 'node' },
      facts: { peer: '10.0.9.9', who: 'most of them to 10.0.9.9 by node' },
    });
  });

  test('a client that fails each time it has connected is told by its name; one that fails without is a script, a fork no try', () => {
    const client = (day: Day, connects: boolean, executes = true): Day => {
      for (let i = 0; i < 12; i++) {
        const start = day.world.later();
        const process = {
          slot: SLOT,
          cgroup: CGROUP,
          pid: 4000 + i,
          start,
          parentPid: 200,
          parentStart: NODE_PROCESS.start,
        };
        if (executes) day.world.exec({ ...process, path: '/usr/bin/login-client', parentExe: 'node' });
        if (connects)
          day.world.flow({
            ...process,
            direction: 'connect',
            peer: '10.0.9.9',
            port: 5432,
            exe: 'login-client',
          });
        day.world.records(exitRecord({ ...process, time: day.world.later(), status: 2 << 8 }));
      }
      return day.go(1);
    };
    const failing = client(known(), true).told;
    expect(failing[0]?.summary).toBe(
      '12 runs of login-client that ended with a failure in one window, usually 0',
    );
    expect(client(known(), false).told).toEqual([]);
    expect(client(known(), true, false).told).toEqual([]);
  });
});

test('calls to ends that are new and do not answer are a scan, however slow', () => {
  const scan =
    (every: number) =>
    (n: number): Connections[] =>
      n % every === 0
        ? [
            {
              direction: 'connect',
              peer: `10.0.${n % 256}.1`,
              port: 22 + n,
              count: 1,
              bytes: 0,
              answered: false,
            },
          ]
        : [];
  const [told] = known().go(60, scan(1)).told;
  expect(told?.techniques).toEqual(['T1046']);
  expect(told?.summary).toMatch(/calls to new ends that did not answer in 1 min/);
  const slow = known().go(1000);
  expect(slow.go(120, scan(6)).told[0]?.summary).toMatch(/calls to new ends that did not answer in 10 min/);
});

test('what it is tried with for long is learnt in the end, and no door is kept for ever', () => {
  const day = known();
  const prober = (): Connections[] => [{ peer: '10.0.0.8', port: 3000, count: 4, bytes: 300 }];
  day.go(1500, prober);
  const before = day.told.length;
  day.go(240, prober);
  expect(day.told.length).toBe(before);
});

test('what was refused is a try at a door, but for files that cannot be opened, which doors-tried counts', () => {
  const refused = (action: string, result: bigint): number => {
    const day = known();
    for (let n = 0; n < 60; n++) {
      const by = { slot: SLOT, cgroup: CGROUP, ...NODE_PROCESS, time: day.world.later(), exe: 'node' };
      day.world.records(actionRecord({ ...by, action, result, path: `/srv/f-${n}` }));
    }
    return day.go(1).told.length;
  };
  expect([refused('OPEN_FAILED', -13n), refused('SETNS', -1n)]).toEqual([0, 1]);
});
