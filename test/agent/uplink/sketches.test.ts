/** What windows leave in sketches, and under which key. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Fact } from '../../../agent/features/fact.ts';
import { ownHashKey } from '../../../agent/uplink/own-key.ts';
import type { OwnedWindow } from '../../../agent/uplink/shapes.ts';
import { SketchBook } from '../../../agent/uplink/sketches.ts';
import { hashKey } from '../../../kit/sketch/hash-key.ts';
import { decodeSketch } from '../../../kit/sketch/sketch.ts';
import {
  decodeWorkloadSketches,
  encodeWorkloadSketches,
  type WorkloadSketches,
} from '../../../wire/index.ts';

const FLEET = hashKey('ab'.repeat(32));
const OWN = hashKey('cd'.repeat(32), true);
const WEB = 'local/shop/Deployment/web/web';

function window(workload: string, facts: readonly Fact[], syscalls = 100): OwnedWindow {
  const counts = {
    syscalls,
    distinctSyscalls: 1,
    execs: 0,
    forks: 0,
    exits: 0,
    connects: 0,
    accepts: 0,
    failures: 0,
  };
  return { container: { identity: { workload } }, facts, counts, resources: null } as unknown as OwnedWindow;
}
const connect = (value: string): Fact => ({ kind: 'connect', value });

function book(key = FLEET) {
  const sent: WorkloadSketches[] = [];
  // As central gets them.
  const made = new SketchBook(key, 5n, (one) =>
    sent.push(decodeWorkloadSketches(encodeWorkloadSketches(one))),
  );
  return { sent, made };
}
/** What the sketches say, as text: `what kind value`. */
const said = ({ sketches }: WorkloadSketches): string[] =>
  sketches.map((one) => {
    const sketch = decodeSketch(one);
    if ('estimate' in sketch && !('top' in sketch)) return `${one.what} ${Math.round(sketch.estimate())}`;
    if ('top' in sketch) return `${one.what} ${sketch.top().map(({ count }) => count)}`;
    return `${one.what} ${Math.round(sketch.quantile(0.5) ?? -1)} of ${sketch.count}`;
  });

test('counts peers whatever their ports, programs whatever started them, folders whatever is in them', () => {
  const { made, sent } = book();
  const facts: Fact[] = [
    connect('10.0.0.1:443'),
    connect('10.0.0.1:*'),
    connect('fe80::1:443'),
    connect('shop/Deployment/db:5432'),
    { kind: 'exec', value: 'sh > /usr/bin/curl -s URL' },
    { kind: 'exec', value: 'node > /usr/bin/curl' },
    { kind: 'file', value: 'cat r /etc/shadow' },
    { kind: 'file', value: 'vi w /etc/gshadow' },
    { kind: 'file', value: 'cat r /root/.ssh/id_rsa' },
    { kind: 'accept', value: '8080' },
  ];
  made.window(window(WEB, facts));
  made.window(window(WEB, facts.slice(0, 1)));
  made.window(window('local/shop/Deployment/db/db', [], 7));
  made.flush(9n);
  expect(sent.map(({ workload, startNs, endNs }) => [workload, startNs, endNs])).toEqual([
    [WEB, 5n, 9n],
    ['local/shop/Deployment/db/db', 5n, 9n],
  ]);
  expect(sent.map(said)).toEqual([
    ['peers 3', 'executables 1', 'folders 2', 'peer-windows 3,1,1', 'syscalls 100 of 2'],
    ['syscalls 7 of 1'],
  ]);
});

test('sends nothing for an interval in which nothing was, and begins each anew', () => {
  const { made, sent } = book();
  made.flush(6n);
  made.window(window(WEB, [connect('a:1')]));
  made.flush(7n);
  made.window(window(WEB, [connect('b:1')]));
  made.flush(8n);
  expect(sent.map((one) => [one.startNs, said(one)[0]])).toEqual([
    [6n, 'peers 1'],
    [7n, 'peers 1'],
  ]);
});

test('no value leaves the node: only hashes, which another key makes others of', () => {
  const [one, other] = [book(), book(OWN)];
  for (const { made } of [one, other]) {
    made.window(window(WEB, [connect('secret-name.example:443')]));
    made.flush(9n);
  }
  const bytes = (sent: readonly WorkloadSketches[]) =>
    sent[0]?.sketches.find(({ what }) => what === 'peers')?.bytes;
  expect(bytes(one.sent)).not.toEqual(bytes(other.sent));
  expect(Buffer.from(encodeWorkloadSketches(one.sent[0] ?? {})).includes('secret-name')).toBe(false);
});

test('what was gathered with one key goes out under it before another is used; counts have no key', () => {
  const { made, sent } = book(OWN);
  made.window(window(WEB, [connect('a:1')]));
  made.use(FLEET, 6n);
  made.use(FLEET, 7n);
  made.window(window(WEB, [connect('a:1')]));
  made.flush(8n);
  const keys = sent.map(({ sketches }) => sketches.map(({ what, key }) => `${what} ${key}`));
  expect(keys).toEqual([OWN.id, FLEET.id].map((id) => [`peers ${id}`, `peer-windows ${id}`, 'syscalls ']));
  expect(OWN.id).toMatch(/^own-/);
});

test('so many workloads in one interval and no more, which is counted', () => {
  const { made, sent } = book();
  for (let i = 0; i < 2050; i += 1) made.window(window(`local/-/w/${i}/c`, []));
  made.window(window('local/-/w/1/c', []));
  made.flush(9n);
  expect([sent.length, made.refused]).toEqual([2048, 2]);
});

test("an agent's own key stays the same, is its owner's alone, and is made anew when it is none", () => {
  const folder = mkdtempSync(join(tmpdir(), 'picket-own-key-'));
  const first = ownHashKey(folder);
  expect(ownHashKey(folder)).toEqual(first);
  expect(statSync(join(folder, 'own-hash-key')).mode & 0o777).toBe(0o600);
  writeFileSync(join(folder, 'own-hash-key'), 'cut');
  expect(ownHashKey(folder).id).not.toBe(first.id);
  rmSync(folder, { recursive: true });
});
