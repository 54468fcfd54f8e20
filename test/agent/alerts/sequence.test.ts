import { expect, test } from 'vitest';
import { judgeSequence, type NewPairs } from '../../../agent/alerts/sequence.ts';

const pairs = (n: number, operation = 'read'): string[] =>
  Array.from({ length: n }, (_, i) => `${operation}>x${i}`);
const found = (more: Partial<NewPairs> = {}): NewPairs => ({
  pairs: pairs(4),
  phase: 'steady',
  share: 0.01,
  chance: 0.005,
  most: 2,
  periods: 500,
  doers: [],
  workload: 'w',
  steps: 0,
  ...more,
});
const severity = (more: Partial<NewPairs>) => judgeSequence(found(more), 0.5)?.severity ?? null;

test('one or two new pairs are a rare branch, three are told when so many are rare here', () => {
  expect([1, 2, 3].map((n) => severity({ pairs: pairs(n) }))).toEqual([null, null, 'low']);
  expect([severity({ share: 0.05 }), severity({ share: 0.06 })]).toEqual(['low', null]);
});

test('a start may be rarer than any that was seen yet: it is asked for less', () => {
  expect([severity({ phase: 'start', share: 0.3 }), severity({ phase: 'start', share: 0.31 })]).toEqual([
    'low',
    null,
  ]);
});

test('is medium for sensitive operations, and for many more than a clean period ever brought', () => {
  expect(severity({ pairs: [...pairs(2), 'mmap>mprotect'] })).toBe('medium');
  expect([severity({ pairs: pairs(8), most: 3 }), severity({ pairs: pairs(8), most: 4 })]).toEqual([
    'medium',
    'low',
  ]);
  expect(severity({ pairs: pairs(9, 'ptrace'), steps: -1 })).toBe('low');
});

test('min-score is kept', () => {
  expect(judgeSequence(found({ share: 0.04 }), 0.97)).toBeNull();
  expect(judgeSequence(found({ share: 0.04 }), 0.96)?.score).toBe(0.96);
});

test('says what, who, and how rare; the sensitive first', () => {
  const verdict = judgeSequence(
    found({
      pairs: [...pairs(9), 'socket>connect'],
      doers: [
        { exe: 'sh', pid: 7, pairs: 8 },
        { exe: '', pid: 9, pairs: 2 },
      ],
    }),
    0.5,
  );
  expect(verdict).toMatchObject({
    detector: 'sequence',
    score: 0.99,
    summary:
      '10 pairs of system calls never made here one after the other: socket>connect, read>x0, read>x1, read>x2, read>x3, read>x4, read>x5, read>x6 and 2 more',
    facts: { pairs: '10', sensitive: '1', periods: '500' },
  });
  expect(verdict?.explanation).toContain(
    'At most 1.0 % of its periods bring as many (upper bound over 500; the most that one brought is 2). They were made by sh 7 (8), pid 9 (2).',
  );
});
