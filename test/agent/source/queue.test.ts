import { expect, test, vi } from 'vitest';
import type { Frame } from '../../../agent/events/frame.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { FrameQueue, piecesOf } from '../../../agent/source/queue.ts';
import { replay } from '../../../agent/source/replay.ts';

function record(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(size, LAYOUT['record_header.size']);
  return bytes;
}
const batch = (count: number, size = 100): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => record(size)));
const busy = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end; );
};
const tick = (bootNs: bigint): Frame => ({
  kind: 'tick',
  tick: { bootNs, wallMs: 0, slots: [], flows: Buffer.alloc(0), flowSize: 104, lost: {} },
});

test('cuts a batch between records and loses nothing of it', () => {
  const records = batch(95);
  const pieces = piecesOf(records, 1000);
  expect(pieces.map(({ length }) => length)).toEqual([...Array(9).fill(1000), 500]);
  expect(Buffer.concat(pieces)).toEqual(records);
});

test('leaves what is no whole record to the decoder', () => {
  const records = Buffer.concat([batch(2), Buffer.from('rest')]);
  expect(Buffer.concat(piecesOf(records, 100))).toEqual(records);
});

/** A handler that does all of a frame in one step. */
const whole = (work: (frame: Frame) => void) =>
  function* (frame: Frame): Generator<void> {
    yield work(frame);
  };

test('handles a frame at once when nothing waits', () => {
  const seen: string[] = [];
  new FrameQueue(whole(({ kind }) => void seen.push(kind))).push({ kind: 'pods', list: '' });
  expect(seen).toEqual(['pods']);
});

test('lets the loop go when frames take long, and keeps their order', async () => {
  const seen: number[] = [];
  let turns = 0;
  const queue = new FrameQueue(
    whole((frame) => {
      busy(2);
      if (frame.kind === 'pods') seen.push(Number(frame.list));
    }),
  );
  const turn = setInterval(() => (turns += 1), 1);
  for (let n = 0; n < 20; n += 1) queue.push({ kind: 'pods', list: String(n) });
  expect(seen.length).toBeLessThan(4);
  await vi.waitFor(() => expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n)));
  clearInterval(turn);
  expect(turns).toBeGreaterThan(3);
});

test('a frame is handled to its last step before the next begins, also when the rest is wanted at once', () => {
  const seen: string[] = [];
  const queue = new FrameQueue(function* ({ kind }) {
    for (const step of [1, 2, 3]) {
      busy(3);
      seen.push(`${kind} ${step}`);
      yield;
    }
  });
  queue.push({ kind: 'pods', list: '' });
  queue.push({ kind: 'cgroups', found: [] });
  expect([seen.length, queue.waiting]).toEqual([1, 2]);
  queue.flush();
  expect(seen).toEqual(['pods 1', 'pods 2', 'pods 3', 'cgroups 1', 'cgroups 2', 'cgroups 3']);
  expect(queue.waiting).toBe(0);
});

test('counts records that do not fit and still takes ticks', () => {
  const queue = new FrameQueue(
    whole(() => busy(4)),
    1500,
  );
  queue.push(tick(0n));
  for (let n = 0; n < 5; n += 1) queue.push({ kind: 'records', bytes: batch(10) });
  queue.push(tick(1n));
  expect(queue.lostRecords).toBe(40);
  queue.flush();
  expect(queue.waiting).toBe(0);
});

test('a replay keeps the pace of the recording, times its speed', async () => {
  const at: number[] = [];
  const began = performance.now();
  const frames = [tick(0n), tick(1_000_000_000n), tick(2_000_000_000n)];
  await replay({
    frames,
    speed: 10,
    signal: new AbortController().signal,
    emit: () => at.push(performance.now() - began),
  });
  expect(at.map((ms) => Math.round(ms / 100))).toEqual([0, 1, 2]);
});

test('a replay ends when it is told to', async () => {
  const stop = new AbortController();
  const seen: Frame[] = [];
  const running = replay({
    frames: [tick(0n), tick(10n ** 12n)],
    speed: 1,
    signal: stop.signal,
    emit: (f) => seen.push(f),
  });
  setTimeout(() => stop.abort(), 20);
  await running;
  expect(seen).toHaveLength(1);
});
