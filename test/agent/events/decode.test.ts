import { expect, test } from 'vitest';
import { addressText, decodeFlows, decodeRecords } from '../../../agent/events/decode.ts';
import { LAYOUT } from '../../../agent/events/layout.ts';
import {
  actionRecord,
  cgroupRecord,
  deniedRecord,
  execRecord,
  exitRecord,
  flowEntry,
  flowRecord,
  novelRecord,
  openRecord,
  pairRecord,
  SECOND,
} from '../../builders/records.ts';

const process = { pid: 7, start: 9n * SECOND, parentPid: 3, parentStart: 2n * SECOND, uid: 33 };
const header = { ...process, slot: 4, cpu: 1, time: 12n * SECOND, cgroup: 812 };
const base = { process, slot: 4, cpu: 1, time: 12n * SECOND, cgroup: 812 };

test('decodes each kind of record, in order', () => {
  const batch = Buffer.concat([
    execRecord({
      ...header,
      path: '/usr/bin/dash',
      args: ['sh', '-c', 'df -h'],
      parentExe: 'node',
      comm: 'node',
      streams: [LAYOUT.STREAM_DEVICE, LAYOUT.STREAM_NETWORK, LAYOUT.STREAM_CLOSED],
    }),
    exitRecord({ ...header, status: 256 }),
    openRecord({ ...header, path: '/etc/shadow', exe: 'cat' }),
    flowRecord({ ...header, direction: 'connect', peer: '10.1.2.3', port: 443, exe: 'curl' }),
    cgroupRecord({ ...header, made: true, path: '/system.slice/ssh.service' }),
    cgroupRecord({ ...header, made: false, path: null }),
    cgroupRecord({ ...header, made: true, path: null }),
    cgroupRecord({ ...header, made: true, path: null, begun: true }),
    deniedRecord({ ...header, what: 'connect', peer: '2001:db8::1', port: 80 }),
    deniedRecord({ ...header, what: 'exec' }),
    pairRecord({ ...header, tid: 8, previous: 59, current: 101 }),
  ]);
  expect(decodeRecords(batch)).toEqual({
    problems: {},
    events: [
      {
        kind: 'exec',
        ...base,
        path: '/usr/bin/dash',
        exe: 'dash',
        pathCut: false,
        memfd: false,
        deleted: false,
        upper: false,
        script: null,
        args: ['sh', '-c', 'df -h'],
        argsTail: [],
        argsCut: false,
        argsCount: 3,
        argsTotal: 12,
        argsHash: 5n,
        argsHashCut: false,
        innerPid: 7,
        stdin: 'device',
        stdout: 'network',
        stderr: 'closed',
        parentExe: 'node',
        comm: 'node',
        inode: 77n,
        device: 8n,
      },
      { kind: 'exit', ...base, status: 256 },
      {
        kind: 'open',
        ...base,
        path: '/etc/shadow',
        pathCut: false,
        truncated: false,
        write: false,
        exe: 'cat',
      },
      {
        kind: 'flow',
        ...base,
        protocol: 'tcp',
        direction: 'connect',
        peer: '10.1.2.3',
        port: 443,
        exe: 'curl',
      },
      { kind: 'cgroup', ...base, change: 'made', path: '/system.slice/ssh.service', isNew: true },
      { kind: 'cgroup', ...base, change: 'removed', path: null, isNew: false },
      { kind: 'cgroup', ...base, change: 'made', path: null, isNew: false },
      { kind: 'cgroup', ...base, change: 'made', path: null, isNew: true },
      { kind: 'denied', ...base, what: 'connect', peer: '2001:db8::1', port: 80 },
      { kind: 'denied', ...base, what: 'exec', peer: '', port: 0 },
      { kind: 'pair', ...base, tid: 8, previous: 59, current: 101 },
    ],
  });
});

test('decodes each kind of novelty, and refuses those that make no sense', () => {
  const none = {
    path: '',
    pathCut: false,
    memfd: false,
    deleted: false,
    capability: 0,
    protocol: '',
    port: 0,
  };
  const flags = LAYOUT.PATH_CUT | LAYOUT.EXEC_DELETED | LAYOUT.EXEC_MEMFD;
  const batch = [
    novelRecord({ ...header, what: 'FOLDER_READ', key: 2n ** 64n - 1n, path: '/etc/nginx', exe: 'cat' }),
    novelRecord({ ...header, what: 'FOLDER_WRITE', path: '/a', flags }),
    novelRecord({ ...header, what: 'LIBRARY', path: '/lib/a.so' }),
    novelRecord({ ...header, what: 'CAPABILITY', key: 13n, value: 12 }),
    novelRecord({ ...header, what: 'LISTEN', port: 65_535, protocol: 17 }),
    novelRecord({ ...header, what: 'LISTEN', port: 1, protocol: 9 }),
    novelRecord({ ...header, what: 'NOTHING' }),
  ];
  const event = { kind: 'novel', ...base, ...none, key: 1000n, exe: '' };
  expect(decodeRecords(Buffer.concat(batch))).toEqual({
    problems: { 'wrong-value': 2 },
    events: [
      { ...event, what: 'folder-read', key: 2n ** 64n - 1n, path: '/etc/nginx', exe: 'cat' },
      { ...event, what: 'folder-write', path: '…/a', pathCut: true, memfd: true, deleted: true },
      { ...event, what: 'library', path: '/lib/a.so' },
      { ...event, what: 'capability', key: 13n, capability: 12 },
      { ...event, what: 'listen', protocol: 'udp', port: 65_535 },
    ],
  });
});

test('marks a path whose root end was left off, and an open that can change the file', () => {
  const bytes = openRecord({ path: '/etc/shadow', exe: 'sh', openFlags: 0o1001 });
  bytes.writeUInt32LE(LAYOUT.PATH_CUT, LAYOUT['open_record.flags']);
  expect(decodeRecords(bytes).events[0]).toMatchObject({ path: '…/etc/shadow', pathCut: true, write: true });
});

test('gives head and tail of a long argument vector, and the script that was run', () => {
  const args = ['python3', ...Array.from({ length: 300 }, (_, index) => `argument-${index}`)];
  const flags = LAYOUT.EXEC_UPPER | LAYOUT.EXEC_DELETED | LAYOUT.ARGS_HASH_CUT;
  const bytes = execRecord({ path: '/usr/bin/python3', args, flags, script: './run.py' });
  expect(bytes.length).toBe(LAYOUT['exec_record.text'] + LAYOUT.ARGS_BYTES + 16);
  const event = decodeRecords(bytes).events[0];
  if (event?.kind !== 'exec') throw new Error('no exec');
  expect(event).toMatchObject({ argsCut: true, argsCount: 301, script: './run.py', argsHashCut: true });
  expect(event).toMatchObject({ upper: true, deleted: true, memfd: false });
  expect(event.args.slice(0, 2)).toEqual(['python3', 'argument-0']);
  expect(event.argsTail.slice(-2)).toEqual(['argument-298', 'argument-299']);
  expect(args.join('\0').startsWith(event.args.join('\0'))).toBe(true);
  expect(args.join('\0').endsWith(event.argsTail.join('\0'))).toBe(true);
});

test('does not believe texts of an exec that do not end its record, or streams of no kind', () => {
  const spoiled = (field: keyof typeof LAYOUT, value: number): Buffer => {
    const bytes = execRecord({ path: '/bin/true', script: 'run.sh' });
    bytes.writeUInt32LE(value, LAYOUT[field]);
    return bytes;
  };
  const batch = Buffer.concat([
    spoiled('exec_record.args_bytes', 20),
    spoiled('exec_record.args_bytes', LAYOUT.ARGS_BYTES + 1),
    spoiled('exec_record.script_bytes', 0),
    spoiled('exec_record.script_bytes', 0xffffffff),
    spoiled('exec_record.streams', 9),
  ]);
  expect(decodeRecords(batch)).toEqual({ events: [], problems: { 'wrong-length': 4, 'wrong-value': 1 } });
});

test('counts what does not fit by its reason and decodes what follows', () => {
  const good = exitRecord(header);
  const unknown = exitRecord(header);
  unknown.writeUInt32LE(99, LAYOUT['record_header.kind']);
  const small = openRecord({ ...header, path: '/a', exe: 'b' });
  small.writeUInt32LE(LAYOUT.RECORD_EXEC, LAYOUT['record_header.kind']);
  const long = openRecord({ ...header, path: '/a', exe: 'b' });
  long.writeUInt32LE(257, LAYOUT['open_record.path_bytes']);
  const family = flowRecord({ ...header, direction: 'accept', peer: '1.2.3.4', port: 80 });
  family.writeUInt8(9, LAYOUT['flow_record.flow'] + LAYOUT['flow_key.family']);
  const cut = good.subarray(0, 70);
  const decoded = decodeRecords(Buffer.concat([unknown, small, long, family, good, cut]));
  expect(decoded).toEqual({
    problems: { 'unknown-kind': 1, 'wrong-size': 1, 'wrong-length': 1, 'wrong-value': 1, cut: 1 },
    events: [{ kind: 'exit', ...base, status: 0 }],
  });
});

test('decodes flow entries and counts those that are not', () => {
  const good = flowEntry({
    slot: 4,
    cgroup: 812,
    direction: 'connect',
    peer: '::ffff:10.0.0.1'.replace('10.0.0.1', 'a00:1'),
    port: 5432,
    opened: 3,
    attempts: 5,
    failures: 2,
    first: 1n,
    last: 2n,
    bytesIn: 10,
    bytesOut: 20,
    segmentsIn: 3,
    segmentsOut: 4,
  });
  const bad = flowEntry({ direction: 'connect', peer: '1.1.1.1', port: 1 });
  bad.writeUInt8(7, LAYOUT['flow_key.direction']);
  expect(decodeFlows(Buffer.concat([bad, good, Buffer.alloc(3)]))).toEqual({
    malformed: 2,
    flows: [
      {
        slot: 4,
        cgroup: 812,
        protocol: 'tcp',
        direction: 'connect',
        peer: '10.0.0.1',
        port: 5432,
        opened: 3,
        attempts: 5,
        failures: 2,
        first: 1n,
        last: 2n,
        bytesIn: 10,
        bytesOut: 20,
        segmentsIn: 3,
        segmentsOut: 4,
      },
    ],
  });
});

test('reads flow entries of recordings from before they had bytes and segments', () => {
  const entry = flowEntry({
    protocol: 'udp',
    direction: 'accept',
    peer: '1.1.1.1',
    port: 53,
    bytesIn: 7,
    last: 9n,
  });
  const { flows, malformed } = decodeFlows(Buffer.concat([entry.subarray(0, 72), entry.subarray(0, 72)]), 0);
  expect([malformed, flows.length]).toEqual([0, 2]);
  expect(flows[1]).toMatchObject({ protocol: 'udp', port: 53, last: 9n, bytesIn: 0, segmentsOut: 0 });
});

test('writes addresses as RFC 5952 asks', () => {
  const v6 = (hex: string): string => addressText(6, Buffer.from(hex, 'hex'));
  expect(v6('20010db8000000000000000000000001')).toBe('2001:db8::1');
  expect(v6('00000000000000000000000000000001')).toBe('::1');
  expect(v6('00000000000000000000000000000000')).toBe('::');
  expect(v6('20010db8000000010001000100010001')).toBe('2001:db8:0:1:1:1:1:1');
  expect(v6('20010000000000010000000000000001')).toBe('2001:0:0:1::1');
});

/** Small deterministic generator (mulberry32). */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('never throws on hostile bytes and accounts for every record', () => {
  const next = random(20_240_131);
  const whole = [
    execRecord({ path: '/bin/sh', args: ['sh'] }),
    exitRecord({}),
    openRecord({ path: '/etc/shadow', exe: 'cat' }),
    flowRecord({ direction: 'connect', peer: '1.2.3.4', port: 1 }),
    cgroupRecord({ made: true, path: '/a' }),
    deniedRecord({ what: 'send', peer: '1.2.3.4', port: 1 }),
  ];
  for (let round = 0; round < 3000; round++) {
    const batch = Buffer.concat(
      Array.from({ length: 4 }, () => whole[Math.floor(next() * whole.length)] ?? Buffer.alloc(0)),
    );
    const sizes = batch.length;
    for (let flips = Math.floor(next() * 12); flips > 0; flips--)
      batch[Math.floor(next() * sizes)] = Math.floor(next() * 256);
    const cut = batch.subarray(0, next() < 0.3 ? Math.floor(next() * sizes) : sizes);
    const { events, problems } = decodeRecords(cut);
    const counted = events.length + Object.values(problems).reduce((sum, n) => sum + n, 0);
    expect(counted).toBeGreaterThanOrEqual(cut.length === 0 ? 0 : 1);
    expect(counted).toBeLessThanOrEqual(Math.ceil(sizes / 64));
    expect(decodeFlows(cut).malformed).toBeGreaterThanOrEqual(0);
  }
});

test('decodes actions: refused and done, with a target, kernel paths and claimed ones', () => {
  const refused = actionRecord({
    ...header,
    action: 'MOUNT',
    exe: 'sh',
    call: 165,
    result: -1n,
    args: [0n, 0n, 0n, 4096n],
    flags: LAYOUT.ACTION_CLAIMED | LAYOUT.PATH_CLAIMED,
    name: '/dev/sda1',
    path: '/mnt/../mnt',
  });
  const done = actionRecord({
    ...header,
    action: 'VM_WRITE',
    exe: 'gdb',
    target: { pid: 8, start: 5n, slot: 2 },
    name: 'nginx',
    path: '/a/b',
    flags: LAYOUT.ACTION_COMPAT | LAYOUT.PATH_CUT,
  });
  const common = { kind: 'action', ...base };
  expect(decodeRecords(Buffer.concat([refused, done]))).toEqual({
    problems: {},
    events: [
      {
        ...common,
        action: 'mount',
        call: 165,
        compat: false,
        result: -1n,
        refused: true,
        args: [0n, 0n, 0n, 4096n],
        target: null,
        exe: 'sh',
        name: '/dev/sda1',
        path: '/mnt/../mnt',
        pathCut: false,
        claimed: true,
      },
      {
        ...common,
        action: 'vm-write',
        call: null,
        compat: true,
        result: 0n,
        refused: false,
        args: [0n, 0n, 0n, 0n],
        target: { pid: 8, start: 5n, slot: 2 },
        exe: 'gdb',
        name: 'nginx',
        path: '…/a/b',
        pathCut: true,
        claimed: false,
      },
    ],
  });
});

test('counts actions it does not know and paths beyond their field', () => {
  const unknown = actionRecord({ action: 'KEXEC', exe: 'x' });
  unknown.writeUInt32LE(63, LAYOUT['action_record.action']);
  const long = actionRecord({ action: 'CHROOT', exe: 'x', flags: LAYOUT.PATH_CLAIMED, path: '/x' });
  long.writeUInt32LE(257, LAYOUT['action_record.path_bytes']);
  expect(decodeRecords(Buffer.concat([unknown, long]))).toEqual({
    events: [],
    problems: { 'wrong-value': 1, 'wrong-length': 1 },
  });
});
