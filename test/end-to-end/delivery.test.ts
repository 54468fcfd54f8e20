/** Each detection reaches central's store exactly once, whatever dies meanwhile; and none is lost on the way. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseJournal } from '../../agent/uplink/journal.ts';
import { FIELD } from '../../agent/uplink/summarize.ts';
import { decodeDetection } from '../../wire/index.ts';
import { cleanUp, skipReason } from '../native/kernel-fixtures.ts';
import { type RunningAgent, type RunningCentral, startAgent, startCentral } from './processes.ts';
import {
  detectionsIn,
  eventually,
  openWorld,
  query,
  readLog,
  type TestContainer,
  type World,
} from './world.ts';

const refusal = skipReason('delivery from end to end');
const idsOf = (lines: readonly { readonly id: string }[]): string[] => lines.map(({ id }) => id);

/** Ids of the detections that wait in the spool's files. */
function spooled(folder: string): string[] {
  const spool = join(folder, 'agent', 'spool');
  const journals = readdirSync(spool).filter((name) => name.endsWith('.journal'));
  return journals.flatMap((name) => {
    const entries = parseJournal(readFileSync(join(spool, name)))?.entries ?? [];
    return entries
      .filter(({ field }) => field === FIELD.detections)
      .map(({ payload }) => decodeDetection(payload).id);
  });
}

describe.skipIf(refusal !== null)('delivery', { timeout: 90_000 }, () => {
  let world: World;
  let central: RunningCentral;
  let agent: RunningAgent;
  let reader: TestContainer;
  let secret: string;

  const stored = (container: string): string[] =>
    idsOf(query(central.ready.database, 'select id from detections where container = ?', container));
  /** Opens a watched file so many times, one after the other. */
  async function read(times: number): Promise<void> {
    for (let n = 0; n < times; n++) await reader.ask(`open ${secret}`);
  }
  /** Detections since `known` lines of the container's. */
  const logged = (known: number): string[] => idsOf(detectionsIn(agent.alertLog, reader.id)).slice(known);

  beforeAll(async () => {
    world = await openWorld();
    secret = join(world.folder, 'shadow');
    writeFileSync(secret, 'made up\n');
    reader = await world.container({ name: 'reader', namespace: 'other' });
    central = await startCentral(world.folder);
    agent = await startAgent(central, { 'pin-folder': world.pins, pods: world.podsFile });
    await eventually('enrolment', async () => (await agent.status()).central.enrolled);
    await eventually('its pod', () => agent.knows(reader.id));
  }, 90_000);
  afterAll(cleanUp, 30_000);

  test('what was detected while central was dead is stored once it is back, each exactly once', async () => {
    await central.kill();
    const known = logged(0).length;
    await read(200);
    await eventually('200 lines', () => logged(known).length === 200);
    const made = logged(known);
    const waiting = spooled(world.folder);
    expect(made.filter((id) => !waiting.includes(id))).toEqual([]);

    const startedAt = Date.now();
    central = await central.again();

    await eventually('all in the store', () => {
      const there = new Set(stored(reader.id));
      return made.every((id) => there.has(id));
    });
    console.log(
      `measured: 200 detections of an outage in the store ${Date.now() - startedAt} ms after central’s start`,
    );
    const all = logged(0);
    expect(new Set(all).size).toBe(all.length);
    await eventually('alerts that count them all', () => {
      const [sum] = query<{ n: number }>(
        central.ready.database,
        'select sum(count) as n from alerts where container = ?',
        reader.id,
      );
      return sum?.n === all.length;
    });
    expect(stored(reader.id).toSorted()).toEqual(all.toSorted());
    expect((await agent.status()).numbers.lost['spool-full']).toBe(0);
  });

  test('an agent that is killed in the middle loses nothing that it wrote down', async () => {
    const told: string[] = [];
    // By a shell they are of high severity: each wakes the uplink, which dies in the middle of sending.
    const shell = () =>
      reader.run(`i=0; while [ $i -lt 2000 ]; do read line < ${secret}; i=$((i + 1)); done`);
    for (const [after, reads] of [
      [20, () => read(2000)],
      [250, () => read(2000)],
      [1, shell],
      [300, shell],
    ] as const) {
      const known = logged(0).length;
      const reading = reads();
      await eventually('detections', () => logged(known).length >= after);
      await agent.kill();
      await reading;
      const inSpool = spooled(world.folder);

      agent = await agent.again();

      await eventually('an empty spool', () => spooled(world.folder).length === 0);
      const lines = logged(known);
      const there = stored(reader.id);
      const mine = new Set(there);
      expect(lines.filter((id) => !mine.has(id))).toEqual([]);
      const everything = new Set(idsOf(query(central.ready.database, 'select id from detections')));
      expect(inSpool.filter((id) => !everything.has(id))).toEqual([]);
      expect(mine.size).toBe(there.length);
      const unlogged = there.length - logged(0).length;
      told.push(`${lines.length} lines, ${inSpool.length} in the spool, ${unlogged} stored without a line`);
    }
    console.log(`measured: killed in the middle of 2000 reads: ${told.join('; ')}`);
    expect(idsOf(readLog(agent.alertLog)).length).toBeGreaterThan(0);
  });

  test('a thousand reads in quick succession are a thousand detections, or the rest is counted', async () => {
    const before = await agent.status();
    const known = logged(0).length;

    const startedAt = Date.now();
    await reader.run(`i=0; while [ $i -lt 1000 ]; do read line < ${secret}; i=$((i + 1)); done`);
    const readMs = Date.now() - startedAt;

    const ofReads = (): string[] =>
      idsOf(
        detectionsIn(agent.alertLog, reader.id)
          .slice(known)
          .filter(({ detector }) => detector === 'secret-read'),
      );
    let lines = ofReads();
    for (let quiet = 0; quiet < 20 && lines.length < 1000; quiet++) {
      await sleep(100);
      lines = ofReads();
    }
    const loggedMs = Date.now() - startedAt;
    const { lost } = (await agent.status()).numbers;
    const counted = Object.entries(lost)
      .map(([reason, count]) => count - (before.numbers.lost[reason] ?? 0))
      .reduce((sum, count) => sum + count, 0);
    console.log(
      `measured: 1000 reads in ${readMs} ms, ${lines.length} detections in the log after ${loggedMs} ms, ${counted} counted as lost`,
    );
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines.length + counted).toBe(1000);
    await eventually('all in the store', () => {
      const there = new Set(stored(reader.id));
      return lines.every((id) => there.has(id));
    });
  });

  test('a flood hides no detection of another container, and nothing else that the flooding one does', {
    timeout: 180_000,
  }, async () => {
    const flooder = await world.container({ name: 'flooder', namespace: 'other' });
    await eventually('its pod', () => agent.knows(flooder.id));
    const beside = await flooder.join();
    const ofReader = (): string[] =>
      idsOf(detectionsIn(agent.alertLog, reader.id).filter(({ detector }) => detector === 'secret-read'));
    const known = ofReader().length;
    const floods = () =>
      detectionsIn(agent.alertLog, flooder.id).filter(({ detector }) => detector === 'secret-read').length;

    const flood = flooder.ask('flood open 100000');
    await eventually('the flood', () => floods() > 0);
    await read(1000);
    await beside.ask('memory /bin/true');
    const readDuring = floods();
    await flood;

    await eventually('a thousand lines', () => ofReader().length >= known + 1000);
    const told = new Set(detectionsIn(agent.alertLog, flooder.id).map(({ detector }) => detector));
    console.log(
      `measured: 1000 reads beside a flood that made ${readDuring} lines by their end; the flooder was told for ${[...told].join(', ')}`,
    );
    expect(new Set(ofReader().slice(known)).size).toBe(1000);
    expect(told).toContain('exec-from-memory-or-temp');
    expect((await agent.status()).numbers.lost).toMatchObject({
      'urgent-full': 0,
      'queue-full': 0,
      'frame-queue': 0,
    });
  });
});
