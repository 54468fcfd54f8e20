import { expect, test } from 'vitest';
import { allowedPeers, allowedProblems, letsOut, MAX_ALLOWED, parseAllowed } from '../../wire/index.ts';

test('reads rules', () => {
  const peer = { direction: 'to', address: '10.0.0.0', bits: 8, protocol: 'tcp', low: 5432, high: 5432 };
  expect(parseAllowed('to 10.0.0.0/8 tcp 5432')).toEqual(peer);
  expect(parseAllowed('to 10.0.0.0/8 5432')).toEqual(peer); // ports are TCP's
  expect(parseAllowed('from fd00::7')).toEqual({
    ...{ direction: 'from', address: 'fd00::7', bits: 128 },
    ...{ protocol: 'tcp', low: 0, high: 65_535 }, // who begins can be told of TCP alone
  });
  expect(parseAllowed('to 10.0.0.1 udp')).toMatchObject({ protocol: 'udp', low: 0, high: 65_535 });
  expect(parseAllowed('dns')).toBeNull();
});

test.each([
  ['to example.org tcp 80', 'is not dns, or to|from'],
  ['to 10.0.0.1 sctp 80', 'is not dns, or to|from'],
  ['10.0.0.1', 'is not dns, or to|from'],
  ['to 10.0.0.1/33', 'at most 32 bits'],
  ['to fd00::/129', 'at most 128 bits'],
  ['to ::ffff:10.0.0.1', 'as the IPv4 address'],
  ['to ::FFFF:a00:1 tcp 80', 'as the IPv4 address'],
  ['from 10.0.0.0/8 udp', 'nobody can tell who began'],
  ['to 10.0.0.1 tcp 90-80', 'the lower first'],
  ['to 10.0.0.1 tcp 0', 'ports are 1 to'],
  ['to 10.0.0.1 tcp 65536', 'ports are 1 to'],
  ['to 10.0.0.1 tcp 80; to 0.0.0.0/0', 'is not dns, or to|from'],
])('refuses %s', (rule, why) => {
  expect(allowedProblems([rule])).toEqual([expect.stringContaining(why)]);
});

test('refuses more rules than the kernel takes peers for', () => {
  const rules = Array.from({ length: MAX_ALLOWED + 1 }, (_, at) => `to 10.0.0.${at}`);
  expect(allowedProblems(rules)).toEqual([`${MAX_ALLOWED + 1} rules; at most ${MAX_ALLOWED}`]);
  const most = ['dns', ...rules.slice(0, MAX_ALLOWED - 1)];
  expect(allowedProblems(most)).toEqual([]);
  expect(allowedPeers(most, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']).length).toBeLessThanOrEqual(32);
});

test('tells whom a rule lets the container begin with', () => {
  const [peer] = allowedPeers(['to 10.0.0.0/8 tcp 80-90'], []);
  if (peer === undefined) throw new Error('no peer');
  const to = { address: '10.9.9.9', protocol: 'tcp', port: 85 };
  expect(letsOut(peer, to)).toBe(true);
  expect(letsOut(peer, { ...to, address: '11.0.0.1' })).toBe(false);
  expect(letsOut(peer, { ...to, address: 'fd00::1' })).toBe(false);
  expect(letsOut(peer, { ...to, port: 91 })).toBe(false);
  expect(letsOut(peer, { ...to, protocol: 'udp' })).toBe(false);
  expect(letsOut({ ...peer, direction: 'from' }, to)).toBe(false);
});
