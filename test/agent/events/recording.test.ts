import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeRecords } from '../../../agent/events/decode.ts';
import type { Frame } from '../../../agent/events/frame.ts';
import { openRecording, RecordingWriter } from '../../../agent/events/recording.ts';
import { delimit, encodeFrame, RECORDING_VERSION } from '../../../wire/index.ts';
import { answer } from '../../builders/dns.ts';
import { resources } from '../../builders/messages.ts';
import { dnsRecord, execRecord, exitRecord, flowEntry } from '../../builders/records.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recording-'));
  path = join(folder, 'day.picket');
});
afterEach(() => rmSync(folder, { recursive: true }));

const start = {
  cluster: 'c',
  node: 'n',
  boot: '7a0cbbbe-2c5a-4b39-8f5d-3b0d8ad6a111',
  bootNs: 12_345_678_901_234_567n,
  wallMs: 1_700_000_000_000,
  settings: { window: '5s' },
};
const frames: Frame[] = [
  { kind: 'cgroups', found: [{ id: 500, path: '/system.slice/a.service' }] },
  { kind: 'pods', list: '{"kind":"PodList","items":[]}' },
  { kind: 'resources', readings: [{ cgroup: 500, resources }] },
  { kind: 'records', bytes: Buffer.concat([execRecord({ path: '/bin/sh' }), exitRecord({})]) },
  {
    kind: 'tick',
    tick: {
      bootNs: 12_345_678_906_234_567n,
      wallMs: 1_700_000_005_000,
      slots: [
        {
          slot: 2,
          cgroup: 500,
          numbers: [0, 1],
          counts: [10, 20],
          forks: 1,
          execs: 1,
          exits: 1,
          lost: 3,
          compatNumbers: [5, 11],
          compatCounts: [2, 2 ** 40],
          losses: { 'urgent-full': 1, 'throttled/exec': 2 },
          pairs: [0, 257, 65_535],
        },
      ],
      flows: flowEntry({ direction: 'accept', peer: '10.0.0.1', port: 80 }),
      flowSize: 104,
      lost: { 'urgent-full': 3 },
    },
  },
];
const plain = (frame: Frame): unknown =>
  JSON.parse(
    JSON.stringify(frame, (_, value: unknown) => {
      if (typeof value === 'bigint') return `${value}n`;
      return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
    }),
  );

async function write(
  all: readonly Frame[],
  options: { redact?: boolean; maxBytes?: number } = {},
): Promise<void> {
  const writer = new RecordingWriter({
    path,
    start,
    redact: options.redact ?? false,
    maxBytes: 1e6,
    ...options,
  });
  for (const frame of all) writer.write(frame);
  await writer.close();
}

async function read(): Promise<{ frames: Frame[]; problem: string | null }> {
  const recording = await openRecording(path);
  const found: Frame[] = [];
  for await (const frame of recording.frames()) found.push(frame);
  return { frames: found, problem: recording.problem() };
}

test('reads back exactly what was written', async () => {
  await write(frames);
  expect((await openRecording(path)).start).toEqual({ ...start, recordsVersion: 2, redacted: false });
  const { frames: found, problem } = await read();
  expect(found.map(plain)).toEqual(frames.map(plain));
  expect(problem).toBeNull();
});

test('uses a file that was cut up to the damage and says so', async () => {
  await write([...frames, ...frames, ...frames]);
  truncateSync(path, readFileSync(path).length - 20);
  const { frames: found, problem } = await read();
  expect(found.length).toBeGreaterThan(0);
  expect(found.map(plain)).toEqual([...frames, ...frames, ...frames].slice(0, found.length).map(plain));
  expect(problem).toBe(`${path}: it was cut short; the ${found.length + 1} frame(s) before that were used`);
});

test('refuses another version, another file and an empty one, each with its reason', async () => {
  const versioned = encodeFrame({ start: { ...start, version: RECORDING_VERSION + 1, recordsVersion: 1 } });
  writeFileSync(path, gzipSync(delimit(versioned)));
  await expect(openRecording(path)).rejects.toMatchObject({
    code: 'PICKET_RECORDING',
    message: `${path}: a recording of version 2; this picket reads version 1`,
  });
  const older = encodeFrame({
    start: { ...start, version: RECORDING_VERSION, recordsVersion: 1, redacted: false },
  });
  writeFileSync(path, gzipSync(delimit(older)));
  await expect(openRecording(path)).rejects.toThrow(
    `${path}: its records have version 1; this picket reads version 2`,
  );
  writeFileSync(path, gzipSync(delimit(encodeFrame({ records: { bytes: Buffer.alloc(1) } }))));
  await expect(openRecording(path)).rejects.toThrow('it does not begin with a start');
  writeFileSync(path, 'plain text');
  await expect(openRecording(path)).rejects.toThrow('it is damaged: incorrect header check');
  writeFileSync(path, '');
  await expect(openRecording(path)).rejects.toThrow('is no recording');
  await expect(openRecording(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('leaves out arguments and pod specifications when asked to', async () => {
  const secret = {
    kind: 'records',
    bytes: Buffer.concat([
      execRecord({ path: '/bin/sh', args: ['/bin/sh', '-c', 'X=hunter2'] }),
      execRecord({
        path: '/bin/sh',
        args: ['/bin/sh', 'run.sh', ...Array.from({ length: 99 }, () => '-phunter2')],
        script: '/hunter2/run.sh',
      }),
    ]),
  } as const;
  const pods = {
    kind: 'pods',
    list: '{"kind":"PodList","items":[{"metadata":{"name":"a","annotations":{"x":"hunter2"}},"spec":{"containers":[{"env":"hunter2"}]}}]}',
  } as const;
  await write([secret, pods], { redact: true });
  const [records, list] = (await read()).frames;
  if (records?.kind !== 'records' || list?.kind !== 'pods') throw new Error('other frames came back');
  const [plain, script] = decodeRecords(records.bytes).events;
  expect(script).toMatchObject({ script: 'run.sh', argsTotal: 15 + 990, argsCut: false, argsHash: 0n });
  expect(plain).toMatchObject({
    path: '/bin/sh',
    args: ['sh', expect.stringMatching(/^redacted:[0-9a-f]{16}$/)],
    argsTotal: 21,
  });
  expect(Buffer.from(records.bytes).includes('hunter2')).toBe(false);
  expect(list.list).toBe('{"kind":"PodList","items":[{"metadata":{"name":"a","annotations":{}},"spec":{}}]}');
});

test('ends where its size is reached and stays readable', async () => {
  const writer = new RecordingWriter({ path, start, redact: false, maxBytes: 200 });
  for (let n = 0; writer.write(frames[n % frames.length] as Frame) && n < 10_000; n++)
    await new Promise((resolve) => setImmediate(resolve));
  await writer.close();
  expect(writer.stopped).toBe('it reached its size limit');
  const { frames: found, problem } = await read();
  expect({ frames: found.length, problem }).toEqual({ frames: writer.frames - 1, problem: null });
});

test('names asked for over DNS become others of the same length when asked to', async () => {
  const records = [
    { name: null, type: 'CNAME', data: 'hunter2.example.net' },
    { name: 'hunter2.example.net', type: 'A', data: '203.0.113.7' },
  ];
  const bytes = dnsRecord({
    what: 'ANSWER',
    server: '10.0.0.10',
    message: answer('hunter2.shop.example.com', records),
  });
  await write([{ kind: 'records', bytes }], { redact: true });
  const [frame] = (await read()).frames;
  if (frame?.kind !== 'records') throw new Error('other frames came back');
  expect(decodeRecords(frame.bytes).events).toMatchObject([
    {
      name: expect.stringMatching(/^[a-z0-9]{7}\.[a-z0-9]{4}\.example\.com$/),
      type: 'A',
      code: 'ok',
      addresses: [{ address: '203.0.113.7', ttlS: 60 }],
      aliases: [],
      odd: null,
    },
  ]);
  expect(Buffer.from(frame.bytes).includes('hunter2')).toBe(false);
});
