/** The checks of `picket doctor`, each on what a machine may say. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAuthority } from '../../central/pki/authority.ts';
import {
  bpffsCheck,
  capabilityCheck,
  cgroupCheck,
  featureChecks,
  hookChecks,
} from '../../cli/doctor/kernel.ts';
import {
  certificateChecks,
  memoryCheck,
  memoryLimits,
  spoolCheck,
  stateFolderCheck,
} from '../../cli/doctor/state.ts';
import { systemClock } from '../../kit/clock.ts';
import { runPicket } from './run-picket.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('names the capabilities that are missing', () => {
  expect(capabilityCheck('CapEff:\t000001ffffffffff').state).toBe('OK');
  expect(capabilityCheck('CapEff:\t0000000000001000')).toMatchObject({
    state: 'FAIL',
    found: 'missing CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_PERFMON CAP_BPF',
    todo: 'run as root: sudo npm start',
  });
});

test('tells unified, hybrid and v1-only cgroups apart', () => {
  const v2 = 'none /sys/fs/cgroup cgroup2 rw 0 0';
  const v1 = 'none /sys/fs/cgroup/cpu cgroup rw 0 0';
  expect([v2, `${v1}\n${v2}`, v1].map((mounts) => cgroupCheck(mounts, '').state)).toEqual([
    'OK',
    'WARN',
    'FAIL',
  ]);
});

test('finds the bpffs above the pin folder, not one elsewhere', () => {
  const check = (at: string) => bpffsCheck(`bpf ${at} bpf rw 0 0`, '/sys/fs/bpf/picket').state;
  expect([check('/sys/fs/bpf'), check('/sys/fs/bp'), check('/run/bpf')]).toEqual(['OK', 'WARN', 'WARN']);
});

test('a required feature or hook that is missing fails, another one warns, each with its cost', () => {
  const features = {
    btf: true,
    ringBuffer: false,
    taskStorage: true,
    tracingBtf: true,
    cgroupSkb: true,
    bpfLsm: false,
    refusal: 'no ring',
  };
  expect(featureChecks(features).map(({ name, state }) => [name, state])).toEqual([
    ['kernel features', 'OK'],
    ['feature ringBuffer', 'FAIL'],
    ['feature bpfLsm', 'WARN'],
  ]);
  const hook = { state: 'refused', reason: 'EPERM' } as const;
  const checks = hookChecks([
    { name: 'tp_btf/sys_exit', ...hook, required: true },
    { name: 'tp_btf/cgroup_mkdir', ...hook, required: false },
  ]);
  expect(checks.map(({ state, found, cost }) => [state, found, cost])).toEqual([
    ['OK', '0 of 2 attached', undefined],
    ['FAIL', 'refused: EPERM', 'system calls are not counted'],
    ['WARN', 'refused: EPERM', 'new containers are found late, by a scan'],
  ]);
});

test('certificates: fine, soon over, over, and none at all', async () => {
  expect(certificateChecks(folder, Date.now())).toEqual([]);
  mkdirSync(join(folder, 'central'), { mode: 0o700 });
  const authority = await createAuthority({ folder: join(folder, 'central'), clock: systemClock() });
  await authority.server(['localhost']);
  const states = (days: number) =>
    certificateChecks(folder, Date.now() + days * 86_400_000).map(({ state }) => state);
  // The authority's own lasts ten years, the server's 90 days.
  expect([states(0), states(85), states(91)]).toEqual([
    ['OK', 'OK'],
    ['OK', 'WARN'],
    ['OK', 'FAIL'],
  ]);
  writeFileSync(join(folder, 'central', 'ca.crt'), 'nonsense');
  expect(certificateChecks(folder, Date.now())[0]?.state).toBe('FAIL');
});

test('a state folder that others can read fails; a spool that is nearly full warns', () => {
  mkdirSync(join(folder, 'agent', 'spool'), { recursive: true });
  chmodSync(join(folder, 'agent'), 0o755);
  expect(stateFolderCheck(folder)).toMatchObject({
    state: 'FAIL',
    todo: `chmod 700 ${join(folder, 'agent')}`,
  });
  chmodSync(join(folder, 'agent'), 0o700);
  expect(stateFolderCheck(folder).state).toBe('OK');
  writeFileSync(join(folder, 'agent', 'spool', 'a'), Buffer.alloc(900));
  expect([spoolCheck(folder, 1000).state, spoolCheck(folder, 2000).state]).toEqual(['WARN', 'OK']);
});

test('the least of the memory limits counts, and "max" is none', () => {
  expect(memoryLimits(['max\n', '134217728\n', '', '9223372036854771712\n'])).toEqual([128]);
  expect([memoryCheck([], 1000).state, memoryCheck([128], 1000).state, memoryCheck([], 100).state]).toEqual([
    'OK',
    'WARN',
    'WARN',
  ]);
});

test('the command exits with 0 or 4, as its checks say', async () => {
  const { code, out } = await runPicket(['doctor', '--json', '--state-folder', folder]);
  const { failed, checks } = JSON.parse(out) as { failed: number; checks: { state: string }[] };

  expect(failed).toBe(checks.filter(({ state }) => state === 'FAIL').length);
  expect(code).toBe(failed > 0 ? 4 : 0);
});
