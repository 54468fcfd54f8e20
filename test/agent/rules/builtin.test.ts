import { expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import type { Container, ContainerKind } from '../../../agent/identity/container.ts';
import { Processes } from '../../../agent/identity/processes.ts';
import { ourRules } from '../../../agent/rules/ours.ts';
import { answer, question } from '../../builders/dns.ts';
import {
  type ActionFields,
  actionRecord,
  deniedRecord,
  dnsRecord,
  execRecord,
  flowRecord,
  openRecord,
  SECOND,
} from '../../builders/records.ts';

const RULES = ourRules();
/** What this file is about; cases of the others, and of all of them together, are in `cases`. */
const RULES_HERE: ReadonlySet<string> = new Set(
  (
    'server-spawns-shell secret-read shell-calls-out exec-from-memory-or-temp containment-denied tool-in-container escape-attempt ' +
    'host-file-written process-injection code-in-memory raw-socket runtime-socket shell-on-socket terminal-shell file-tampering stolen-id odd-dns'
  ).split(' '),
);

const container = (kind: ContainerKind, madeAt: bigint | null = null): Container => ({
  id: 'x',
  kind,
  cgroup: 5,
  path: '/x',
  runtime: 'unknown',
  madeAt,
  settled: true,
  identity: { name: 'x', pod: '', podUid: '', namespace: '', workload: 'w', image: '', imageDigest: '' },
});

/** Hits of all rules on the last of the records, which are seen in order: `rule severity`. */
function hits(where: Container, ...records: Buffer[]): string[] {
  const processes = new Processes();
  const { events } = decodeRecords(Buffer.concat(records));
  for (const event of events) processes.note(event, where);
  const event = events.at(-1);
  if (event === undefined) throw new Error('nothing decoded');
  const lineage = processes.lineage(event.process.pid, event.process.start);
  const context = { container: where, lineage, known: { state: 'learning', seen: 0 } };
  return RULES.hits(event, context)
    .filter(({ rule }) => RULES_HERE.has(rule.name))
    .map(({ rule, severity }) => `${rule.name} ${severity}`);
}
const inside = container('container');
const host = container('host');
const service = container('service');

test('each rule says where to look next and what it is about in sentences, and which techniques it finds', () => {
  for (const { document } of RULES.rules) {
    expect(document.sentence).toMatch(/^[A-Z].*\.$/s);
    expect(document.next).toMatch(/^[A-Z].*\.$/s);
    expect(document.grades.at(-1)?.when).toBeNull();
  }
  expect(new Set(RULES.rules.map(({ document }) => document.name)).size).toBe(RULES.rules.length);
});

const shell = (parentExe: string, more: object = {}): Buffer =>
  execRecord({
    path: '/bin/dash',
    args: ['sh', '-c', 'id'],
    parentExe,
    time: 100n * SECOND,
    parentStart: 10n * SECOND,
    ...more,
  });

test('a server that starts a shell is told, in a container and as a service, not on the host', () => {
  expect(hits(inside, shell('nginx'))).toEqual(['server-spawns-shell high']);
  expect(hits(inside, shell('php-fpm8.2'))).toEqual(['server-spawns-shell high']);
  // While it is learnt nobody knows whether it always does; of a web server everybody knows that it does not.
  expect(hits(inside, shell('python3.11', { path: '/bin/busybox', args: ['/bin/sh'] }))).toEqual([
    'server-spawns-shell medium',
  ]);
  expect(hits(service, shell('nginx'))).toEqual(['server-spawns-shell high']);
  expect(hits(host, shell('python3'))).toEqual([]);
});

test('a shell of a server that has just started, of a shell, or no shell at all is not told', () => {
  expect(hits(inside, shell('node', { parentStart: 95n * SECOND }))).toEqual([]);
  // A container whose first process is a shell: what started it serves the node, not the container.
  expect(hits(inside, shell('python3.11', { innerPid: 1 }))).toEqual([]);
  expect(hits(inside, shell('bash'))).toEqual([]);
  expect(hits(inside, execRecord({ path: '/usr/bin/gzip', parentExe: 'node' }))).toEqual([]);
  expect(hits(inside, execRecord({ path: '/bin/busybox', args: ['ls'], parentExe: 'node' }))).toEqual([]);
});

const TOKEN = '/run/secrets/kubernetes.io/serviceaccount/..2024_01_31_12_00_00.123456789/token';

test.each([
  ['/etc/shadow', 'cat', inside, ['secret-read high']],
  ['/etc/shadow', 'nginx', inside, ['secret-read medium']],
  ['/etc/shadow', 'sshd', host, []],
  ['/etc/shadow', 'passwd', inside, []],
  ['/etc/shadow', 'vim', host, ['secret-read medium']],
  [TOKEN, 'python3.11', inside, []],
  [TOKEN, 'sh', inside, ['secret-read high']],
  [TOKEN, 'kubelet', service, []],
  ['/root/.ssh/id_ed25519', 'tar', inside, ['secret-read high']],
  ['/root/.ssh/id_ed25519', 'ssh', host, []],
  ['/root/.ssh/id_ed25519.pub', 'cat', inside, []],
  ['/root/.ssh/known_hosts', 'cat', inside, []],
  ['/root/.aws/credentials', 'curl', inside, ['secret-read high']],
  ['/root/.aws/credentials', 'app', inside, []],
  ['/etc/kubernetes/pki/etcd/ca.key', 'cp', inside, ['secret-read high']],
  ['/etc/kubernetes/pki/ca.crt', 'cp', inside, []],
  ['/home/token', 'cat', inside, []],
])('opening %s by %s', (path, exe, where, expected) => {
  expect(hits(where, openRecord({ path, exe }))).toEqual(expected);
});

test('writing authorized keys is told as such', () => {
  expect(hits(inside, openRecord({ path: '/root/.ssh/authorized_keys', exe: 'app', openFlags: 1 }))).toEqual([
    'secret-read high',
  ]);
});

const started = (pid: number, parentPid: number, path: string, parentExe: string): Buffer =>
  execRecord({
    pid,
    start: BigInt(pid) * SECOND,
    parentPid,
    parentStart: BigInt(parentPid) * SECOND,
    path,
    parentExe,
    time: BigInt(pid) * SECOND + 1n,
  });
const call = (pid: number, exe: string, peer = '203.0.113.1', parentPid = pid - 1): Buffer =>
  flowRecord({
    pid,
    start: BigInt(pid) * SECOND,
    parentPid,
    parentStart: BigInt(parentPid) * SECOND,
    direction: 'connect',
    peer,
    port: 443,
    exe,
  });

test('what a shell starts and what calls out is told; high when a server started the shell', () => {
  const byServer = [started(101, 100, '/bin/sh', 'nginx'), started(102, 101, '/usr/bin/curl', 'sh')];
  expect(hits(inside, ...byServer, call(102, 'curl'))).toEqual(['shell-calls-out high']);
  const byHand = [started(101, 100, '/bin/sh', 'crun'), started(102, 101, '/usr/bin/python3.11', 'sh')];
  expect(hits(inside, ...byHand, call(102, 'python3.11'))).toEqual(['shell-calls-out medium']);
  // The runtime that brings it in was started by a program of the node that is written in Python.
  const entered = [started(100, 99, '/usr/bin/crun', 'python3.11'), ...byHand];
  expect(hits(inside, ...entered, call(102, 'python3.11'))).toEqual(['shell-calls-out medium']);
  expect(hits(inside, call(101, 'bash'))).toEqual(['shell-calls-out high']);
  const replaced = [started(101, 100, '/bin/sh', 'nginx'), started(101, 100, '/usr/bin/nc.openbsd', 'nginx')];
  expect(hits(inside, ...replaced, call(101, 'nc.openbsd', '203.0.113.1', 100))).toEqual([
    'shell-calls-out high',
  ]);
});

test('a program without a shell above it, loopback, the host and a container’s own start are not told', () => {
  const lone = started(102, 100, '/usr/bin/curl', 'cron');
  expect(hits(inside, lone, call(102, 'curl', '203.0.113.1', 100))).toEqual([]);
  const chain = [started(101, 100, '/bin/sh', 'runc'), started(102, 101, '/usr/bin/python3', 'sh')];
  expect(hits(inside, ...chain, call(102, 'python3', '127.0.0.1'))).toEqual([]);
  expect(hits(host, ...chain, call(102, 'python3'))).toEqual([]);
  expect(hits(container('container', 100n * SECOND), ...chain, call(102, 'python3'))).toEqual([]);
  const app = [started(101, 100, '/bin/sh', 'nginx'), started(102, 101, '/opt/app', 'sh')];
  expect(hits(inside, ...app, call(102, 'app'))).toEqual([]);
});

test('running from memory, from a deleted file or from a folder for temporary files is told', () => {
  const exec = (path: string, flags = 0, parentExe = 'sh'): Buffer => execRecord({ path, flags, parentExe });
  expect(hits(inside, exec('/memfd:x', LAYOUT.EXEC_MEMFD))).toEqual(['exec-from-memory-or-temp high']);
  expect(hits(inside, exec('/usr/bin/x', LAYOUT.EXEC_DELETED))).toEqual(['exec-from-memory-or-temp high']);
  expect(hits(inside, exec('/dev/shm/x'))).toEqual(['exec-from-memory-or-temp medium']);
  expect(hits(host, exec('/tmp/installer'))).toEqual(['exec-from-memory-or-temp low']);
  expect(hits(inside, exec('/opt/tmp/x'))).toEqual([]);
  expect(
    hits(inside, exec('/memfd:runc_cloned:/proc/self/exe', LAYOUT.EXEC_MEMFD, 'containerd-shim-runc-v2')),
  ).toEqual([]);
  expect(hits(inside, exec('/memfd:runc_cloned:/proc/self/exe', LAYOUT.EXEC_MEMFD, 'sh'))).toEqual([
    'exec-from-memory-or-temp high',
  ]);
});

test('running what is not as the image has it is told in a container, calmer while that starts', () => {
  const changed = execRecord({ path: '/usr/local/bin/x', flags: LAYOUT.EXEC_UPPER, parentExe: 'sh' });
  expect(hits(inside, changed)).toEqual(['exec-from-memory-or-temp medium']);
  expect(hits(container('container', 999n * SECOND), changed)).toEqual(['exec-from-memory-or-temp low']);
  expect(hits(host, changed)).toEqual([]);
  expect(hits(service, changed)).toEqual([]);
});

test('a shell whose input or output is a network connection is told', () => {
  const { STREAM_DEVICE: device, STREAM_NETWORK: network, STREAM_UNIX: unix } = LAYOUT;
  const exec = (path: string, streams: [number, number, number]): Buffer =>
    execRecord({ path, streams, parentExe: 'bash', args: [path] });
  expect(hits(inside, exec('/bin/dash', [network, network, network]))).toEqual(['shell-on-socket high']);
  expect(hits(inside, exec('/bin/bash', [device, network, device]))).toEqual(['shell-on-socket high']);
  expect(hits(host, exec('/bin/bash', [network, device, device]))).toEqual(['shell-on-socket medium']);
  expect(hits(inside, exec('/usr/bin/python3.11', [network, network, device]))).toEqual([
    'shell-on-socket medium',
  ]);
  expect(hits(inside, exec('/bin/bash', [unix, unix, unix]))).toEqual([]);
  expect(hits(inside, exec('/bin/bash', [device, device, network]))).toEqual([]);
  expect(hits(inside, exec('/usr/sbin/vsftpd', [network, network, network]))).toEqual([]);
});

test('a shell with a terminal that a runtime starts in a container is told', () => {
  const { STREAM_TERMINAL: terminal, STREAM_PIPE: pipe } = LAYOUT;
  const exec = (parentExe: string, stream: number): Buffer =>
    execRecord({ path: '/bin/bash', args: ['bash'], parentExe, streams: [stream, stream, stream] });
  expect(hits(inside, exec('runc', terminal))).toEqual(['terminal-shell low']);
  expect(hits(inside, exec('bash', terminal))).toEqual([]);
  expect(hits(inside, exec('runc', pipe))).toEqual([]);
  expect(hits(host, exec('runc', terminal))).toEqual([]);
});

test('what a contained workload tries is told, without alarm', () => {
  expect(hits(inside, deniedRecord({ what: 'exec' }))).toEqual(['containment-denied low']);
  expect(hits(inside, deniedRecord({ what: 'connect', peer: '1.1.1.1', port: 1 }))).toEqual([
    'containment-denied info',
  ]);
});

test('a scanner in a container is told, also as an applet; on the host it is not', () => {
  expect(hits(inside, execRecord({ path: '/usr/bin/nmap', parentExe: 'sh' }))).toEqual([
    'tool-in-container medium',
  ]);
  expect(hits(inside, execRecord({ path: '/bin/busybox', args: ['nc', '-l'], parentExe: 'sh' }))).toEqual([
    'tool-in-container medium',
  ]);
  expect(hits(host, execRecord({ path: '/usr/bin/nmap', parentExe: 'sh' }))).toEqual([]);
});

const EPERM = -1n;
const own = { pid: 9, start: 1n, slot: 2 };
const outside = { pid: 9, start: 1n, slot: 1 };
const sock = '/run/docker.sock';

test.each<[ActionFields, string[]]>([
  [{ action: 'MOUNT', exe: 'sh' }, ['escape-attempt high']],
  [{ action: 'MOUNT', exe: 'sh', result: EPERM }, ['escape-attempt medium']],
  [{ action: 'MOUNT', exe: 'runc' }, []],
  [{ action: 'UMOUNT', exe: 'sh' }, []],
  [{ action: 'CHROOT', exe: 'postfix' }, []],
  [{ action: 'SETNS', exe: 'nsenter', name: 'mnt' }, ['escape-attempt high']],
  [{ action: 'UNSHARE', exe: 'chrome', args: [0x1000_0000n] }, ['escape-attempt medium']],
  [{ action: 'CLONE_NS', exe: 'chrome', args: [0x1000_0000n] }, ['escape-attempt medium']],
  [{ action: 'MODULE_LOAD', exe: 'insmod', result: -38n, path: '/tmp/a.ko' }, ['escape-attempt high']],
  [{ action: 'BPF_LOAD', exe: 'x', name: 'hook' }, ['escape-attempt high']],
  [{ action: 'OPEN_HANDLE', exe: 'shocker', path: '/etc/shadow' }, ['escape-attempt high']],
  [{ action: 'PTRACE', exe: 'gdb', args: [16n, 9n], target: own }, ['process-injection medium']],
  [{ action: 'PTRACE', exe: 'x', args: [16n, 9n], target: outside }, ['process-injection high']],
  [
    { action: 'PTRACE', exe: 'x', args: [16n, 9n], target: outside, result: EPERM },
    ['process-injection medium'],
  ],
  [{ action: 'PTRACE', exe: 'x', args: [0n], target: own }, []],
  [{ action: 'VM_WRITE', exe: 'x', target: own, name: 'nginx' }, ['process-injection medium']],
  [{ action: 'SIGNAL', exe: 'x', args: [9n], target: outside, name: 'nginx' }, ['process-injection high']],
  [{ action: 'SIGNAL', exe: 'x', args: [9n], target: outside, result: EPERM }, []],
  [{ action: 'WRITE_EXEC', exe: 'nginx' }, ['code-in-memory low']],
  [{ action: 'MAKE_EXEC', exe: 'sh' }, ['code-in-memory low']],
  [{ action: 'MAKE_EXEC', exe: 'node' }, []],
  [{ action: 'RAW_SOCKET', exe: 'x', args: [17n, 3n, 768n] }, ['raw-socket medium']],
  [{ action: 'RAW_SOCKET', exe: 'ping', args: [2n, 3n, 1n] }, ['raw-socket low']],
  [{ action: 'RAW_SOCKET', exe: 'ping', args: [17n, 3n, 1n] }, ['raw-socket medium']],
  [{ action: 'RAW_SOCKET', exe: 'x', args: [2n, 3n, 1n], result: EPERM }, ['raw-socket low']],
  [{ action: 'SOCKET_USE', exe: 'curl', path: sock }, ['runtime-socket high']],
  [{ action: 'SOCKET_USE', exe: 'curl', path: sock, result: -13n, flags: 8 }, ['runtime-socket medium']],
  [{ action: 'SOCKET_USE', exe: 'curl', path: '/run/shadow' }, []],
  [{ action: 'SET_ID', exe: 'nginx' }, []],
])('what is done in a container is judged, on the host it is not: %#', (fields, expected) => {
  expect(hits(inside, actionRecord(fields))).toEqual(expected);
  expect(hits(host, actionRecord(fields))).toEqual([]);
});

test.each([
  [{ action: 'RENAME', path: '/etc/cron.d/job' }, ['file-tampering medium']],
  [{ action: 'LINK', name: '/etc/shadow', path: '/tmp/x' }, ['file-tampering medium']],
  [{ action: 'UNLINK', path: 'shadow', result: -13n }, ['file-tampering low']],
  [{ action: 'CHMOD', args: [0o4755n], path: '/usr/bin/find' }, ['file-tampering high']],
  [{ action: 'CHMOD', args: [0o755n], path: '/opt/app' }, []],
  [{ action: 'CHMOD', args: [0o666n], path: '/etc/shadow' }, ['file-tampering medium']],
  [{ action: 'SETXATTR', name: 'security.capability', path: '/etc/sudoers' }, ['file-tampering high']],
  [{ action: 'URING_OP', args: [35n], path: '/etc/shadow' }, ['file-tampering medium']],
  [{ action: 'URING_OP', args: [26n] }, []],
  [{ action: 'URING_OP', args: [16n, 1n], path: '/run/docker.sock' }, ['runtime-socket high']],
  [{ action: 'URING_OP', args: [16n, 1n], path: '/run/app.sock' }, []],
  [{ action: 'MAKE_DEVICE', args: [0o60666n, 0x800n], path: '/dev/x' }, ['escape-attempt high']],
  [{ action: 'MOUNT_ATTR', result: -1n }, ['escape-attempt medium']],
  [{ action: 'IO_PORTS' }, ['escape-attempt high']],
  [{ action: 'PERSONALITY', args: [0x40000n] }, []],
])('%o on a file of a container', (fields, expected) => {
  expect(hits(inside, actionRecord({ exe: 'app', ...fields }))).toEqual(expected);
  expect(hits(host, actionRecord({ exe: 'app', ...fields }))).toEqual([]);
});

test('ids that nothing gave are told everywhere', () => {
  const stolen = actionRecord({ action: 'STOLEN_ID', exe: 'sh', args: [1000n | (1000n << 32n), 0n, 0n, 0n] });
  for (const where of [inside, service, host]) expect(hits(where, stolen)).toEqual(['stolen-id high']);
});

test('a secret opened through io_uring is one too', () => {
  const ring = (path: string, args: readonly bigint[]): Buffer =>
    actionRecord({ action: 'URING_OP', exe: 'sh', args, path, flags: 8 });
  expect(hits(inside, ring('/etc/shadow', [18n]))).toEqual(['secret-read high']);
  expect(hits(inside, ring('shadow', [28n, 1n]))).toEqual(['secret-read high']);
  expect(hits(inside, ring('/etc/hosts', [18n]))).toEqual([]);
});

test('what leads out is less while a container starts, and nothing when its runtime does it', () => {
  const young = container('container', 997n * SECOND);
  expect(hits(young, actionRecord({ action: 'MOUNT', exe: 'entrypoint' }))).toEqual(['escape-attempt low']);
  expect(hits(young, actionRecord({ action: 'SETNS', exe: 'runc', name: 'net' }))).toEqual([]);
  const old = container('container', 990n * SECOND);
  expect(hits(old, actionRecord({ action: 'MOUNT', exe: 'entrypoint' }))).toEqual(['escape-attempt high']);
});

test('a program that a workload calls runc is not the runtime', () => {
  const fake = execRecord({ path: '/usr/local/bin/runc', parentExe: 'sh' });
  expect(hits(inside, fake, actionRecord({ action: 'MOUNT', exe: 'runc' }))).toEqual(['escape-attempt high']);
  const real = execRecord({ path: '/usr/bin/runc', parentExe: 'containerd-shim-runc-v2' });
  expect(hits(inside, real, actionRecord({ action: 'MOUNT', exe: 'runc' }))).toEqual([]);
});

test('writing what the kernel runs on the host is told, reading it is not', () => {
  const path = '/proc/sys/kernel/core_pattern';
  expect(hits(inside, openRecord({ path, exe: 'sh', openFlags: 1 }))).toEqual(['host-file-written high']);
  expect(hits(inside, openRecord({ path, exe: 'sh' }))).toEqual([]);
  expect(hits(host, openRecord({ path, exe: 'systemd-sysctl', openFlags: 1 }))).toEqual([]);
});

test('DNS that programs do not make is told; so is a public name for an address of the own link', () => {
  const asked = (message: Buffer): Buffer =>
    dnsRecord({ what: 'QUESTION', server: '10.0.0.10', message, exe: 'x' });
  const told = (name: string, address: string): Buffer => {
    const records = [{ name: null, type: 'A', data: address }];
    return dnsRecord({ what: 'ANSWER', server: '10.0.0.10', message: answer(name, records) });
  };
  const loop = Buffer.from('0001010000010000000000000161c00c00010001', 'hex');
  expect(hits(inside, asked(loop))).toEqual(['odd-dns medium']);
  expect(hits(inside, asked(question('x.example', 'NULL')))).toEqual(['odd-dns medium']);
  expect(hits(inside, told('rebound.example', '169.254.169.254'))).toEqual(['odd-dns medium']);
  expect(hits(inside, told('metadata.google.internal', '169.254.169.254'))).toEqual([]);
  expect(hits(inside, told('www.example', '203.0.113.1'))).toEqual([]);
  expect(hits(inside, asked(question('x.example', 'TXT')))).toEqual([]);
});
