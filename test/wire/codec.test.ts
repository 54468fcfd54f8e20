import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  DelimitedReader,
  decodeFrame,
  decodeOrder,
  decodeReply,
  decodeSignedOrder,
  decodeSummary,
  delimit,
  encodeFrame,
  encodeOrder,
  encodeReply,
  encodeSignedOrder,
  encodeSummary,
} from '../../wire/index.ts';
import { frame, LATER, order, reply, resources, signedOrder, summary } from '../builders/messages.ts';

/** JSON text with bigint and bytes written out, for comparing whole messages. */
const show = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, found) => {
      if (typeof found === 'bigint') return `${found}n`;
      if (found?.type === 'Buffer') return Buffer.from(found.data).toString('hex');
      return found;
    }),
  );

const withoutLater = (shown: unknown): unknown =>
  JSON.parse(JSON.stringify(shown, (key, found) => (LATER.has(key) ? undefined : found)));

const messages = [
  { name: 'summary', value: summary, encode: encodeSummary, decode: decodeSummary },
  { name: 'reply', value: reply, encode: encodeReply, decode: decodeReply },
  { name: 'order', value: order, encode: encodeOrder, decode: decodeOrder },
  { name: 'signed-order', value: signedOrder, encode: encodeSignedOrder, decode: decodeSignedOrder },
  { name: 'frame', value: frame, encode: encodeFrame, decode: decodeFrame },
] as const;

describe.each(messages)('$name', ({ name, value, encode, decode }) => {
  const encoded = encode(value as never);

  test('comes back as it was sent, every field', () => {
    expect(show(decode(encoded))).toEqual(show(value));
  });

  test('of version 1 still decodes to the same values', () => {
    const old = readFileSync(new URL(`v1/${name}.bin`, import.meta.url));
    expect(withoutLater(show(decode(old)))).toEqual(withoutLater(show(value)));
  });

  test('is refused as malformed at every length it can be cut to inside a field', () => {
    const outcomes = new Set<string>();
    for (let length = 0; length < encoded.length; length += 1) {
      try {
        decode(encoded.subarray(0, length));
        outcomes.add('decoded');
      } catch (error) {
        outcomes.add((error as { code: string }).code);
      }
    }
    expect([...outcomes].sort()).toEqual(['PICKET_MALFORMED', 'decoded']);
  });
});

test('every released fixture belongs to a message that is checked', () => {
  const files = readdirSync(new URL('v1', import.meta.url)).sort();
  expect(files).toEqual(messages.map(({ name }) => `${name}.bin`).sort());
});

test('what version 1 did not write is absent, not 0', () => {
  const old = decodeSummary(readFileSync(new URL('v1/summary.bin', import.meta.url)));
  expect(old.windows[0]).toMatchObject({ resources: null, oomKills: 0 });
  expect(old.containers[0]?.life).toBeNull();
});

test('a value that is 0 and one that is not known stay two things', () => {
  const { windows } = decodeSummary(encodeSummary({ windows: [{ resources: { pids: 0 } }] }));
  expect(windows[0]?.resources).toMatchObject({ pids: 0, cpuUs: null });
});

test('readings of resources come back, each value that is absent as null', () => {
  const readings = [{ cgroup: 4242, resources }];
  expect(decodeFrame(encodeFrame({ resources: { readings } })).resources).toEqual({ readings });
});

test('nanoseconds are exact over the whole range of the clock', () => {
  for (const bootNs of [1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    const back = decodeSummary(encodeSummary({ clock: { bootNs, wallMs: 1 } }));
    expect(back.clock?.bootNs).toBe(bootNs);
  }
});

test('a number above 2^53 - 1 is malformed, not rounded', () => {
  const largest = encodeSummary({ sequence: Number.MAX_SAFE_INTEGER });
  expect(decodeSummary(largest).sequence).toBe(Number.MAX_SAFE_INTEGER);
  const above = Uint8Array.of(5 << 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10);
  expect(() => decodeSummary(above)).toThrow(expect.objectContaining({ code: 'PICKET_MALFORMED' }));
});

test('text that is not UTF-8 is malformed', () => {
  const bad = Uint8Array.of((2 << 3) | 2, 1, 0xff);
  expect(() => decodeSummary(bad)).toThrow(expect.objectContaining({ code: 'PICKET_MALFORMED' }));
});

test('fields of a later version are ignored', () => {
  const later = Buffer.concat([
    encodeReply(reply),
    Uint8Array.of(((100 << 3) & 127) | 128, (100 << 3) >> 7, 1),
  ]);
  expect(show(decodeReply(later))).toEqual(show(reply));
});

describe('a delimited stream', () => {
  const parts = [Buffer.from('first'), Buffer.alloc(0), Buffer.alloc(300, 7)];
  const stream = Buffer.concat(parts.map(delimit));

  test('comes apart the same whatever the pieces', () => {
    for (const size of [1, 2, 7, 129, stream.length]) {
      const reader = new DelimitedReader(1000);
      const found: string[] = [];
      for (let at = 0; at < stream.length; at += size)
        for (const whole of reader.push(stream.subarray(at, at + size)))
          found.push(Buffer.from(whole).toString('hex'));
      expect(found).toEqual(parts.map((part) => part.toString('hex')));
      expect(reader.pending).toBe(0);
    }
  });

  test('with a message over the bound is refused before it is held', () => {
    const reader = new DelimitedReader(100);
    expect(() => reader.push(stream)).toThrow('a message of 300 bytes, more than 100');
  });

  test('that ends inside a message says so', () => {
    const reader = new DelimitedReader(1000);
    reader.push(stream.subarray(0, stream.length - 1));
    expect(reader.pending).toBe(301);
  });
});
