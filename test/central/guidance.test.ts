import { expect, test } from 'vitest';
import { Guidance } from '../../central/guidance.ts';

test('exceptions are bounded by the bytes that they are sent as', () => {
  // Three bytes each as UTF-8: as characters all would fit.
  const rules = Array.from({ length: 100 }, (_, at) => ({
    ...{ name: `e${at}`, workload: '*', detector: null, facts: { path: '中'.repeat(2000) } },
    ...{ reason: '', expiresMs: null },
  }));
  const guidance = new Guidance({ exceptions: () => rules, nowMs: () => 0 });
  guidance.behind(1);
  expect(guidance.exceptionsLeftOut).toBe(57);
});
