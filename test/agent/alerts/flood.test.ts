import { expect, test } from 'vitest';
import { judgeFlood } from '../../../agent/alerts/flood.ts';
import type { Container } from '../../../agent/identity/container.ts';

const container: Container = {
  id: 'c',
  kind: 'container',
  cgroup: 5,
  path: '/x',
  runtime: 'unknown',
  madeAt: null,
  settled: true,
  identity: { name: 'x', pod: '', podUid: '', namespace: '', workload: 'w', image: '', imageDigest: '' },
};
const severity = (losses: Record<string, number>): string =>
  judgeFlood({ lost: 1, losses, fresh: Object.keys(losses) }, container).severity;

test('who lost a little of what others filled is no flood; who filled it, or is over its own budget, is', () => {
  expect(severity({ 'flows-full': 2, 'anybody/flows-full': 21_334 })).toBe('low');
  expect(severity({ 'flows-full': 5000, 'anybody/flows-full': 21_334 })).toBe('medium');
  expect(severity({ 'flows-full': 2 })).toBe('medium');
  expect(severity({ 'throttled/exec': 2, 'flows-full': 2, 'anybody/flows-full': 21_334 })).toBe('medium');
});
