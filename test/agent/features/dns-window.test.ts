import { expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import { DnsWindow, NO_DNS } from '../../../agent/features/dns-window.ts';
import { answer, question } from '../../builders/dns.ts';
import { dnsRecord } from '../../builders/records.ts';

const SERVER = '10.0.0.10';
const asked = (name: string, type = 'A'): Buffer =>
  dnsRecord({ what: 'QUESTION', server: SERVER, message: question(name, type) });
const missing = (name: string): Buffer =>
  dnsRecord({ what: 'ANSWER', server: SERVER, message: answer(name, [], { code: 3 }) });

function windowOf(...records: Buffer[]): DnsWindow {
  const window = new DnsWindow();
  for (const event of decodeRecords(Buffer.concat(records)).events)
    if (event.kind === 'dns') window.note(event);
  return window;
}

test('counts names, labels and shares of one window', () => {
  const window = windowOf(
    asked('abab.example.com'),
    asked('abab.example.com', 'AAAA'),
    asked('abcdefgh.example.com', 'TXT'),
    asked('example.org'),
    missing('abab.example.com'),
    dnsRecord({ what: 'ANSWER', server: SERVER, message: answer('example.org', []) }),
    dnsRecord({ what: 'UNASKED', server: SERVER, message: answer('forged.example', [], { code: 3 }) }),
  );
  expect(window.counts()).toEqual({
    dnsNames: 3,
    dnsLabelLength: 6,
    dnsLabelEntropy: 2,
    dnsTextShare: 0.25,
    dnsMissingShare: 0.5,
    dnsBits: expect.any(Number),
  });
  expect(windowOf().counts()).toEqual(NO_DNS);
});

test('a tunnel carries its bytes in labels: bits grow with it, and not with repetitions', () => {
  const chunk = (n: number): string =>
    Buffer.from(`message part ${n * 7919}`)
      .toString('hex')
      .padEnd(40, '0');
  const tunnel = windowOf(
    ...Array.from({ length: 100 }, (_, n) => asked(`${chunk(n)}.t.example.com`, 'TXT')),
  );
  const loud = tunnel.loudest();
  expect(loud?.domain).toBe('example.com');
  // 42 characters each, of hexadecimal digits mostly: at most 4 bits and a little for the rest.
  expect(loud?.bits).toBeGreaterThan(100 * 40 * 2);
  expect(loud?.bits).toBeLessThan(100 * 42 * 4.2);
  const lookups = windowOf(...Array.from({ length: 100 }, () => asked('api.example.com')));
  expect(lookups.loudest()?.bits).toBeLessThan(10);
});

test('is bounded whatever is asked', () => {
  const window = windowOf(...Array.from({ length: 5000 }, (_, n) => asked(`x.d${n}.example`)));
  expect(window.counts().dnsNames).toBe(2048);
});
