import { Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { createOrderStreams } from '../../../central/ingest/orders-stream.ts';
import { DelimitedReader, decodeSignedOrder } from '../../../wire/index.ts';

const NODE = { cluster: 'local', node: 'node-1' };
const order = (bytes: number) => ({
  payload: new Uint8Array(bytes),
  keyId: 'k',
  signature: new Uint8Array(64),
});

/** A peer that reads, or does not. */
function peer(reads: boolean): { stream: Writable; pieces: Buffer[] } {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(piece, _, done) {
      pieces.push(piece);
      if (reads) done();
    },
  });
  return { stream, pieces };
}

it('cuts off a reader that is too far behind, so that memory is bounded', () => {
  const cuts: string[] = [];
  const streams = createOrderStreams({ onCut: (reason) => cuts.push(reason) });
  const { stream } = peer(false);
  streams.open(NODE, stream);
  let pushed = 0;
  while (streams.push(NODE, [order(32_000)])) pushed += 1;
  expect([cuts, stream.destroyed, pushed]).toEqual([['slow'], true, 9]);
  streams.close();
});

it('sends heartbeats, which are empty frames', async () => {
  const streams = createOrderStreams({ onCut: () => {}, heartbeatMs: 5 });
  const { stream, pieces } = peer(true);
  streams.open(NODE, stream);
  await vi.waitFor(() => expect(pieces.length).toBeGreaterThan(2));
  expect(Buffer.concat(pieces).every((byte) => byte === 0)).toBe(true);
  streams.close();
});

it('ends an older stream of the same node', () => {
  const cuts: string[] = [];
  const streams = createOrderStreams({ onCut: (reason) => cuts.push(reason) });
  const [older, newer] = [peer(true), peer(true)];
  streams.open(NODE, older.stream);
  streams.open(NODE, newer.stream);
  streams.push(NODE, [order(10)]);
  const frames = new DelimitedReader(1000)
    .push(Buffer.concat(newer.pieces))
    .filter(({ length }) => length > 0);
  expect([older.stream.writableEnded, cuts, frames.map((frame) => decodeSignedOrder(frame).keyId)]).toEqual([
    true,
    ['replaced'],
    ['k'],
  ]);
  streams.close();
});

it('says when there is no stream to push to', () => {
  const streams = createOrderStreams({ onCut: () => {} });
  expect(streams.push(NODE, [order(1)])).toBe(false);
  streams.close();
});
