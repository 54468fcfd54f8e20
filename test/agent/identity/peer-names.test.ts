import { expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import type { DnsEvent } from '../../../agent/events/event.ts';
import { type NameCounts, PeerNames } from '../../../agent/identity/peer-names.ts';
import { answer } from '../../builders/dns.ts';
import { dnsRecord, SECOND } from '../../builders/records.ts';

const counts = (): NameCounts => ({ told: 0, evicted: 0, unasked: 0, strange: 0, odd: 0 });

function told(name: string, address: string, time = 1000n * SECOND, ttlS = 60): DnsEvent {
  const message = answer(name, [{ name: null, type: 'A', ttlS, data: address }]);
  const [event] = decodeRecords(dnsRecord({ what: 'ANSWER', server: '10.0.0.10', message, time })).events;
  if (event?.kind !== 'dns') throw new Error('not decoded');
  return event;
}

test('an address has the name that was told last, for half an hour after its last use', () => {
  const names = new PeerNames(counts());
  names.note(told('a.example', '203.0.113.1'));
  names.note(told('b.example', '203.0.113.1'));
  const at = (seconds: number): string | null =>
    names.nameOf('203.0.113.1', (1000n + BigInt(seconds)) * SECOND);
  expect([at(10), at(1700), at(3400), at(5300)]).toEqual(['b.example', 'b.example', 'b.example', null]);
  names.note(told('c.example', '203.0.113.2', 1000n * SECOND, 86_400));
  expect(names.nameOf('203.0.113.2', 80_000n * SECOND)).toBe('c.example');
  expect(names.nameOf('203.0.113.3', 1000n * SECOND)).toBe(null);
});

test('has room for some, forgets the longest unused and says so', () => {
  const tally = counts();
  const names = new PeerNames(tally);
  const address = (n: number): string => `10.${n >> 8}.${n & 255}.1`;
  for (let n = 0; n < 512; n++) names.note(told(`n${n}.example`, address(n)));
  names.nameOf(address(0), 1001n * SECOND);
  names.note(told('more.example', '203.0.113.1'));
  expect([names.size, tally.told, tally.evicted]).toEqual([512, 513, 1]);
  expect([names.nameOf(address(0), 1002n * SECOND), names.nameOf(address(1), 1002n * SECOND)]).toEqual([
    'n0.example',
    null,
  ]);
});
