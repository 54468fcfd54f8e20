import { expect, test } from 'vitest';
import { judgeByRarity, type Situation } from '../../../agent/alerts/judge.ts';
import { listFacts, type Rolling } from '../../../agent/alerts/rollout.ts';
import type { Fact } from '../../../agent/features/fact.ts';
import { Baseline } from '../../../agent/models/baseline.ts';
import { OWN } from '../../../agent/situation/roles.ts';
import { makePipeline } from '../../builders/world.ts';

const ROLLING: Rolling = { from: 'sha256:a', to: 'sha256:b', lived: 3, of: 20, chance: () => 1 / 4 };

function situation(rollout: Rolling | null): Situation {
  const baseline = new Baseline('w', { learnWindows: 6, matureWindows: 20 });
  const known: Fact = { kind: 'connect', value: '10.0.9.9:5432' };
  for (let n = 0; n < 200; n++)
    baseline.learn({ phase: 'steady', facts: [known], flagged: [], withheld: false, complete: true });
  const [container] = makePipeline().pipeline.containers();
  if (container === undefined) throw new Error('no container');
  const inPod = { ...container, kind: 'container' as const };
  return {
    container: inPod,
    baseline,
    phase: 'steady',
    lineage: [],
    role: OWN,
    rollout,
    chance: () => 1 / 256,
  };
}

const bits = (fact: Fact): readonly [number, number] => {
  const of = (rollout: Rolling | null): number => judgeByRarity(fact, situation(rollout), 0.5)?.bits ?? 0;
  return [of(null), of(ROLLING)];
};

test('what a release may bring is worth what this one makes of it; what is strange for any version as ever', () => {
  const plausible: readonly Fact[] = [
    { kind: 'exec', value: 'node > /opt/new' },
    { kind: 'connect', value: '10.0.9.10:5432' },
    { kind: 'syscall', value: 'lseek' },
    { kind: 'capability', value: 'CAP_CHOWN' },
    { kind: 'action', value: 'node set-id 0' },
  ];
  for (const fact of plausible) {
    const [ever, rolling] = bits(fact);
    expect([fact.kind, rolling]).toEqual([fact.kind, ever / 4]); // 2 bits in place of 8
  }
  const grave: readonly Fact[] = [
    { kind: 'file', value: 'node r /run/secrets/token' },
    { kind: 'syscall', value: 'ptrace' },
    { kind: 'capability', value: 'CAP_SYS_ADMIN' },
    { kind: 'compat', value: 'execve' },
    { kind: 'action', value: 'node unshare user' },
  ];
  for (const fact of grave) {
    const [ever, rolling] = bits(fact);
    expect([fact.kind, rolling]).toEqual([fact.kind, ever]);
  }
});

test('a list of facts is told by kind, and cut where it grows too long', () => {
  expect(
    listFacts([
      { kind: 'folder', value: 'r /b' },
      { kind: 'exec', value: 'x' },
      { kind: 'folder', value: 'r /a' },
    ]),
  ).toBe('exec x; folder r /a, r /b');
  const many = Array.from({ length: 500 }, (_, n): Fact => ({ kind: 'exec', value: `/opt/program-${n}` }));
  expect(listFacts(many)).toMatch(/^exec .{1190,1200} and more$/);
});
