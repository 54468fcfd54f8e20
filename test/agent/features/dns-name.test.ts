import { expect, test } from 'vitest';
import { below, entropyOf, generaliseName, registeredDomain } from '../../../agent/features/dns-name.ts';

test.each([
  ['example.com', 'example.com'],
  ['a.b.example.com', 'example.com'],
  ['www.example.co.uk', 'example.co.uk'],
  ['co.uk', 'co.uk'],
  ['redis.shop.svc.cluster.local', 'cluster.local'],
  ['localhost', 'localhost'],
  ['', ''],
])('the registered domain of %s is %s', (name, domain) => {
  expect(registeredDomain(name)).toBe(domain);
  expect([below(name, domain), domain].filter((part) => part !== '').join('.')).toBe(name);
});

test.each([
  ['api.example.com', 'api.example.com'],
  ['redis.shop.svc.cluster.local', 'redis.shop.svc.cluster.local'],
  ['payments-gateway.example.com', 'payments-gateway.example.com'],
  ['kubernetes.default.svc.cluster.local', 'kubernetes.default.svc.cluster.local'],
  [
    'prometheus-kube-state-metrics.monitoring.svc.cluster.local',
    'prometheus-kube-state-metrics.monitoring.svc.cluster.local',
  ],
  ['s3.eu-central-1.amazonaws.com', 's3.eu-central-1.amazonaws.com'],
  ['d1a2b3c4e5f6.cloudfront.net', '*.cloudfront.net'],
  ['e1234.dscb.akamaiedge.net', 'e*.dscb.akamaiedge.net'],
  ['deadbeef01.x.example.com', '*.x.example.com'],
  ['4.3.2.10.in-addr.arpa', '*.in-addr.arpa'],
  ['web-7f9c6d5b4-x8k2p1q9.shop.svc.cluster.local', 'web-*-*.shop.svc.cluster.local'],
  ['a1b2c3d4e5f6a7b8.ffeeddcc00112233.evil.example', '*.evil.example'],
])('keeps what people chose and folds what machines did: %s', (name, expected) => {
  expect(generaliseName(name)).toBe(expected);
});

test('the entropy of a text is of its own characters', () => {
  expect([entropyOf('aaaa'), entropyOf('abab'), entropyOf('abcdefgh'), entropyOf('')]).toEqual([0, 1, 3, 0]);
});

test('a name of any length is a value of bounded length', () => {
  expect(generaliseName(`${'abc.'.repeat(500)}example.com`).length).toBeLessThan(530);
});
