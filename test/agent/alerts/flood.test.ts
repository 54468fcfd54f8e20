import { expect, test } from 'vitest';
import { FILLED, filledBy, judgeFlood } from '../../../agent/alerts/flood.ts';
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
const severity = (losses: Record<string, number>, everybodys: Record<string, number> = {}): string => {
  const filled = new Set(filledBy(losses, everybodys));
  const fresh = Object.keys(losses).map((name) => (filled.has(name) ? `${name}${FILLED}` : name));
  return judgeFlood({ lost: 1, losses, fresh }, container).severity;
};

test('who lost a little of what others filled is no flood; who filled it, or is over its own budget, is', () => {
  expect(severity({ 'flows-full': 2, 'anybody/flows-full': 21_334 }, { 'flows-full': 21_336 })).toBe('low');
  expect(severity({ 'flows-full': 20_000, 'anybody/flows-full': 1_334 }, { 'flows-full': 21_334 })).toBe(
    'medium',
  );
  expect(severity({ 'throttled/exec': 2, 'flows-full': 2 }, { throttled: 2, 'flows-full': 21_336 })).toBe(
    'medium',
  );
});

test('who lost a handful has filled nothing, though nobody lost more', () => {
  expect(severity({ 'urgent-full': 40 }, { 'urgent-full': 60 })).toBe('low');
  expect(severity({ 'urgent-full': 400 }, { 'urgent-full': 600 })).toBe('medium');
  expect(severity({ 'urgent-full': 400 }, { 'urgent-full': 6000 })).toBe('low');
});
