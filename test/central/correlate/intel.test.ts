import { describe, expect, test } from 'vitest';
import { Intel } from '../../../central/correlate/intel.ts';

const NOW = Date.parse('2026-11-02T00:00:00Z');
const of = (text: string, name = 'list.txt'): Intel => new Intel([{ name, text }], NOW);
const bundle = (...objects: object[]): string => JSON.stringify({ type: 'bundle', id: 'bundle--1', objects });
const indicator = (pattern: string, more: object = {}): object => ({
  ...{ type: 'indicator', spec_version: '2.1', pattern_type: 'stix', pattern, name: 'Known relay' },
  ...more,
});

describe('plain text', () => {
  const hash = 'a'.repeat(64);
  const intel = of(
    `# ours\n192.0.2.1 # relay\n203.0.113.0/24\n2001:db8::/32\nBad.Example.\n${hash}\nno indicator\n1.2.3.4/99\n`,
  );
  test.each([
    ['192.0.2.1', ['192.0.2.1']],
    ['203.0.113.77', ['203.0.113.0/24']],
    ['2001:db8::9', ['2001:db8::/32']],
    ['www.bad.example', ['bad.example']],
    ['BAD.example.', ['bad.example']],
    [hash, [hash]],
    ['192.0.2.2', []],
    ['notbad.example', []],
    ['', []],
  ])('of %s says %j', (value, expected) => {
    expect(intel.matchesOf(value).map(({ indicator: found }) => found)).toEqual(expected);
  });
  test('what is no indicator is counted', () => {
    expect([intel.size, intel.skipped]).toEqual([5, 2]);
  });
});

describe('a STIX bundle', () => {
  test('gives what its patterns compare, with their names', () => {
    const intel = of(
      bundle(
        indicator("[ipv4-addr:value = '198.51.100.7']"),
        indicator("[domain-name:value = 'evil.example' OR url:value = 'https://drop.example/x']"),
        indicator(`[file:hashes.'SHA-256' = '${'B'.repeat(64)}']`),
        { type: 'malware', name: 'not an indicator' },
      ),
      'feed.json',
    );
    expect(intel.matchesOf('198.51.100.7')).toEqual([
      { indicator: '198.51.100.7', source: 'feed.json (Known relay)' },
    ]);
    expect([intel.size, intel.skipped]).toEqual([4, 0]);
    expect(intel.matchesOf('drop.example')).toHaveLength(1);
    expect(intel.matchesOf('b'.repeat(64))).toHaveLength(1);
  });

  test('leaves out what ran out or was taken back, and counts what asks for several things', () => {
    const intel = of(
      bundle(
        indicator("[ipv4-addr:value = '198.51.100.1']", { valid_until: '2026-01-01T00:00:00Z' }),
        indicator("[ipv4-addr:value = '198.51.100.2']", { revoked: true }),
        indicator("[ipv4-addr:value = '198.51.100.3' AND domain-name:value = 'x.example']"),
      ),
    );
    expect([intel.size, intel.skipped]).toEqual([0, 1]);
  });

  test.each([
    '{',
    '{"type":"bundle"}',
    '{"type":"other","objects":[]}',
  ])('%s is none, and counted', (text) => {
    expect([of(text).size, of(text).skipped]).toEqual([0, 1]);
  });
});
