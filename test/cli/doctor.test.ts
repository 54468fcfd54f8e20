/** The checks of `picket doctor`, each on what a machine may say. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAuthority } from '../../central/pki/authority.ts';
import { capabilityCheck } from '../../cli/doctor/capabilities.ts';
import { bpffsCheck, cgroupCheck, pinsCheck } from '../../cli/doctor/cgroups.ts';
import { HOOKS, hookChecks } from '../../cli/doctor/hooks.ts';
import { featureChecks, ownNumberCheck } from '../../cli/doctor/kernel.ts';
import {
  clockCheck,
  kernelCheck,
  lockdownCheck,
  memlockCheck,
  securityCheck,
  sysctlChecks,
} from '../../cli/doctor/limits.ts';
import { neighbourChecks } from '../../cli/doctor/neighbours.ts';
import {
  certificateChecks,
  diskCheck,
  limitFiles,
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

test('names the capabilities that are missing, and what fails without them', () => {
  expect(capabilityCheck('CapEff:\t000000c000801000', true)).toEqual({
    name: 'capabilities',
    state: 'OK',
    found: 'CAP_BPF CAP_PERFMON CAP_NET_ADMIN CAP_SYS_NICE',
  });
  expect(capabilityCheck('CapEff:\t000000c000001000', true)).toMatchObject({
    state: 'WARN',
    found: 'missing CAP_SYS_NICE',
  });
  // To mount a bpffs takes one more.
  expect(capabilityCheck('CapEff:\t000000c000801000', false).state).toBe('WARN');
  expect(capabilityCheck('CapEff:\t000000c000a01000', false).state).toBe('OK');
  expect(capabilityCheck('CapEff:\t0000008000801000', true)).toMatchObject({
    state: 'FAIL',
    found: 'missing CAP_PERFMON',
    cost: 'PERFMON: everything that is observed, and every containment',
  });
});

test('tells by which cgroups containers are known, and what version 1 cannot have', () => {
  const v2 = 'none /sys/fs/cgroup cgroup2 rw 0 0';
  const v1 = 'none /sys/fs/cgroup/memory cgroup rw,memory 0 0';
  const unified = { version: 2, root: '/sys/fs/cgroup', hierarchy: 0 } as const;
  const memory = { version: 1, root: '/sys/fs/cgroup/memory', hierarchy: 4 } as const;
  expect(cgroupCheck(v2, unified)).toMatchObject({ state: 'OK', found: 'cgroup2 at /sys/fs/cgroup' });
  expect(cgroupCheck(`${v1}\n${v2}`, unified)).toMatchObject({
    state: 'WARN',
    found: 'mixed: cgroup2 at /sys/fs/cgroup, 1 v1 hierarchies beside it',
  });
  expect(cgroupCheck(v1, memory)).toMatchObject({
    state: 'WARN',
    cost: expect.stringContaining('no container can be contained'),
    coverage: ['IA10', 'IA11', 'EX40', 'LM07'],
  });
  expect(cgroupCheck('', new Error('neither is mounted'))).toMatchObject({
    state: 'FAIL',
    found: 'neither is mounted',
  });
});

test('finds the bpffs above the pin folder, not one elsewhere', () => {
  const check = (at: string) => bpffsCheck(`bpf ${at} bpf rw 0 0`, '/sys/fs/bpf/picket').state;
  expect([check('/sys/fs/bpf'), check('/sys/fs/bp'), check('/run/bpf')]).toEqual(['OK', 'WARN', 'WARN']);
});

test('tells what layout of pins there is, and that a newer one is not touched', () => {
  const pinned = (...layouts: number[]) => {
    for (const layout of layouts) mkdirSync(join(folder, `v${layout}`, 'maps'), { recursive: true });
    for (const layout of layouts) writeFileSync(join(folder, `v${layout}`, 'maps', 'containments'), '');
    return pinsCheck(folder, readdirSync(folder), 2);
  };
  expect(pinsCheck(folder, [], 2)).toMatchObject({ state: 'OK', found: 'none' });
  expect(pinned(1)).toMatchObject({ state: 'OK', found: 'layout 1; moved to 2 when the agent starts' });
  rmSync(join(folder, 'v1'), { recursive: true });
  mkdirSync(join(folder, 'v2', 'links'), { recursive: true });
  for (const name of ['kill_on_exec', '77-packet_in', '77-packet_out', '78-packet_in'])
    writeFileSync(join(folder, 'v2', 'links', name), '');
  expect(pinned(2)).toMatchObject({ state: 'OK', found: 'layout 2, network denied to 2 cgroups' });
  expect(pinned(3)).toMatchObject({
    state: 'FAIL',
    found: `layout 3 in ${folder}; this version has 2`,
    todo: `run the newer version; or end its containments: rm -r ${folder}/v3`,
  });
});

test('a required feature that is missing fails; the LSM, without which programs are killed and not refused, does not', () => {
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
  ]);
});

test('an agent that cannot tell itself from others says what that costs', () => {
  expect(ownNumberCheck({ number: 7, refusal: null })).toMatchObject({ state: 'OK', found: '7' });
  expect(ownNumberCheck({ number: 0, refusal: 'loading a program: no' })).toMatchObject({
    state: 'WARN',
    found: 'loading a program: no',
    cost: expect.stringContaining("picket's own activity is recorded"),
  });
});

test('a hook that is missing tells which behaviours are not seen any more', () => {
  const hooks = HOOKS.map(({ program, hook }) => ({
    name: hook,
    program,
    required: program === 'program_executed',
    state: ['ids_by_exec', 'uring_submitted', 'namespaces_by_fork'].includes(program)
      ? ('refused' as const)
      : ('attached' as const),
    reason: null,
  }));
  const checks = hookChecks(hooks);
  expect(checks.map(({ name, state, coverage }) => [name, state, coverage])).toEqual([
    ['hooks', 'OK', undefined],
    // PR02 is still seen by unshare.
    ['coverage', 'WARN', ['EX17', 'PR03', 'PR15']],
    ['hook tp_btf/sched_process_exec ids_by_exec', 'WARN', ['PR15', 'PR19']],
    ['hook tp_btf/sched_process_fork namespaces_by_fork', 'WARN', ['PR02', 'PR03']],
    ['hook tp_btf/io_uring_submit_req uring_submitted', 'WARN', ['EX17']],
  ]);
  expect(checks.at(-1)?.cost).toBe('what goes through io_uring is not seen (EX17)');
  const refused = { name: 'tp_btf/sched_process_exec', program: 'program_executed', required: true };
  expect(hookChecks([{ ...refused, state: 'refused', reason: 'EPERM' }]).at(-1)).toMatchObject({
    state: 'FAIL',
    found: 'refused: EPERM',
  });
});

test('a kernel below the floor fails; one that was not tried says so', () => {
  const check = (release: string) => kernelCheck(release, 'v24', 'x64');
  expect(check('6.18.44-x').found).toBe('Linux 6.18.44-x x64, Node v24');
  expect(check('6.1.0-32-cloud').found).toContain('tried were 6.18 on x64');
  expect([check('5.15.0'), check('5.10.0-32'), check('4.19')].map(({ state }) => state)).toEqual([
    'OK',
    'FAIL',
    'FAIL',
  ]);
  expect(memlockCheck('Max locked memory  65536  65536 bytes', '5.10.0')?.state).toBe('FAIL');
  expect(memlockCheck('Max locked memory  unlimited  unlimited bytes', '5.10.0')?.state).toBe('OK');
  expect(memlockCheck('Max locked memory  65536  65536 bytes', '5.11.0')).toBeNull();
});

test('lockdown fails only where it hides the kernel from programs', () => {
  const texts = ['', '[none] integrity confidentiality', 'none [integrity] confidentiality'];
  expect(texts.map((text) => lockdownCheck(text).state)).toEqual(['OK', 'OK', 'OK']);
  expect(lockdownCheck('none integrity [confidentiality]').state).toBe('FAIL');
});

test('security modules are a finding when something was refused, and only then', () => {
  const facts = {
    lsm: 'capability,apparmor',
    label: 'docker-default (enforce)\n',
    selinux: '',
    status: 'Seccomp:\t2',
  };
  expect(securityCheck(facts, true)).toEqual({
    name: 'security modules',
    state: 'OK',
    found: 'capability,apparmor; confined as docker-default (enforce); seccomp filter',
  });
  expect(securityCheck(facts, false).state).toBe('WARN');
  expect(
    securityCheck({ lsm: '', label: 'unconfined', selinux: '', status: 'Seccomp:\t0' }, false).state,
  ).toBe('OK');
  expect(securityCheck({ lsm: 'selinux', label: '', selinux: '1', status: '' }, false)).toMatchObject({
    state: 'WARN',
    found: 'selinux; SELinux enforces; no seccomp filter',
  });
});

test('warns of BPF for everybody, of interpreted programs, of a slow clock and one in the past', () => {
  const states = (unprivileged: string, jit: string) =>
    sysctlChecks(unprivileged, jit).map(({ state }) => state);
  expect([states('2\n', '1\n'), states('0', '0'), states('', '')]).toEqual([
    ['OK', 'OK'],
    ['WARN', 'WARN'],
    ['OK', 'OK'],
  ]);
  const now = Date.parse('2026-11-21');
  expect(
    [clockCheck(now, 'tsc\n'), clockCheck(now, 'hpet'), clockCheck(0, 'tsc')].map(({ state }) => state),
  ).toEqual(['OK', 'WARN', 'FAIL']);
});

test('others on our hooks: a lone one on the cgroup root forbids network deny, one on every call costs', () => {
  const none = { onRoot: [], onTracepoints: [], refusal: null };
  const states = (users: Parameters<typeof neighbourChecks>[0]) =>
    neighbourChecks(users).map(({ state }) => state);
  const other = { id: 7, name: 'theirs' };
  expect(states(none)).toEqual(['OK', 'OK']);
  const onRoot = [{ ...other, hook: 'cgroup/connect4', exclusive: false }];
  expect(states({ ...none, onRoot })).toEqual(['OK', 'OK']);
  expect(states({ ...none, onRoot: onRoot.map((user) => ({ ...user, exclusive: true })) })).toEqual([
    'WARN',
    'OK',
  ]);
  const onTracepoints = [
    { id: 1, name: 'program_execute', hook: 'tp_btf/sched_process_exec' },
    { ...other, hook: 'tp_btf/sched_process_exec' },
  ];
  expect(neighbourChecks({ ...none, onTracepoints })[1]).toMatchObject({
    state: 'OK',
    found: '1 of a picket that runs; 1 of others: theirs on tp_btf/sched_process_exec',
  });
  expect(states({ ...none, onTracepoints: [{ ...other, hook: 'raw_tp/sys_enter' }] })).toEqual([
    'OK',
    'WARN',
  ]);
  expect(neighbourChecks({ ...none, refusal: 'EPERM' }).map(({ found }) => found)).toEqual([
    'cannot be told: EPERM',
    'cannot be told: EPERM',
  ]);
});

test('a disk without room warns, a folder that cannot be written fails', () => {
  expect(diskCheck(join(folder, 'not', 'yet'), 1).state).toBe('OK');
  expect(diskCheck(folder, 2 ** 60).state).toBe('WARN');
  expect(diskCheck('/proc/self', 1).state).toBe('FAIL');
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
  const states = [memoryCheck([], 1000, 0), memoryCheck([128], 1000, 0), memoryCheck([], 100, 0)];
  expect(states.map(({ state }) => state)).toEqual(['OK', 'WARN', 'WARN']);
  // The maps are charged to the same group.
  expect([memoryCheck([300], 1000, 20).state, memoryCheck([300], 1000, 60).state]).toEqual(['OK', 'WARN']);
  expect(limitFiles('4:cpu,memory:/a/b\n0::/c\n')).toEqual([
    '/sys/fs/cgroup/memory.max',
    '/sys/fs/cgroup/c/memory.max',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes',
    '/sys/fs/cgroup/memory/a/memory.limit_in_bytes',
    '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes',
  ]);
});

test('the command exits with 0 or 4, as its checks say', async () => {
  const { code, out } = await runPicket(['doctor', '--json', '--state-folder', folder]);
  const { failed, checks } = JSON.parse(out) as { failed: number; checks: { state: string }[] };

  expect(failed).toBe(checks.filter(({ state }) => state === 'FAIL').length);
  expect(code).toBe(failed > 0 ? 4 : 0);
});
