import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Enrolled } from '../../../agent/uplink/files.ts';
import { Membership } from '../../../agent/uplink/membership.ts';
import { createAuthority } from '../../../central/pki/authority.ts';
import { systemClock } from '../../../kit/clock.ts';
import { type FakeCentral, startFakeCentral } from '../../fakes/central.ts';

vi.setConfig({ testTimeout: 20_000 });
const root = mkdtempSync(join(tmpdir(), 'picket-membership-'));
const clock = systemClock();
let central: FakeCentral;
const members: Membership[] = [];

beforeAll(async () => {
  central = await startFakeCentral(root);
  writeFileSync(join(root, 'authority.crt'), central.authority.certificate);
  writeFileSync(join(root, 'token'), `${central.token}\n`);
});
afterEach(async () => {
  for (const member of members.splice(0)) await member.stop();
});
afterAll(async () => {
  await central.down();
  rmSync(root, { recursive: true });
});

interface More {
  readonly url?: string;
  readonly folder?: string;
  readonly caFile?: string;
  readonly joinTokenFile?: string;
  readonly wallMs?: () => number;
}

function start({ folder = mkdtempSync(join(root, 'state-')), ...more }: More = {}) {
  const enrolled: Enrolled[] = [];
  const said: string[] = [];
  const errors: unknown[] = [];
  const member = new Membership({
    url: central.url,
    cluster: 'local',
    node: 'node-a',
    folder,
    caFile: join(root, 'authority.crt'),
    joinTokenFile: join(root, 'token'),
    wallMs: () => clock.wallMs(),
    onEnrolled: async (found) => void enrolled.push(found),
    log: (message) => said.push(message),
    onError: (error) => errors.push(error),
    ...more,
  });
  members.push(member);
  member.start();
  return { member, folder, enrolled, said, errors };
}
const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 15_000, interval: 20 });

test('enrols once; the next agent on the folder uses what is there, without a token', async () => {
  const first = start();
  await until(() => expect(first.enrolled).toHaveLength(1));
  const second = start({ folder: first.folder, joinTokenFile: '' });
  await until(() => expect(second.enrolled).toEqual(first.enrolled));
  expect([first.said, second.said, first.errors]).toEqual([['enrolled'], [], []]);
});

test('keeps the hash keys that central gave, for its owner alone; an older central gives none', async () => {
  const first = start();
  await until(() => expect(first.enrolled[0]?.hashKeys).toEqual(['5a'.repeat(32)]));
  expect(statSync(join(first.folder, 'hash-keys.json')).mode & 0o777).toBe(0o600);
  central.hashKeys = null;
  const second = start();
  await until(() => expect(second.enrolled[0]?.hashKeys).toEqual([]));
  central.hashKeys = ['not a key', '5a'.repeat(32)];
  const third = start();
  await until(() => expect(third.enrolled[0]?.hashKeys).toEqual(['5a'.repeat(32)]));
});

test('an agent that was enrolled before there were hash keys is still enrolled', async () => {
  const first = start();
  await until(() => expect(first.enrolled).toHaveLength(1));
  await first.member.stop();
  rmSync(join(first.folder, 'hash-keys.json'));
  const second = start({ folder: first.folder, joinTokenFile: '' });
  await until(() => expect(second.enrolled).toEqual([{ ...first.enrolled[0], hashKeys: [] }]));
});

test('without a certificate and a token to get one it stays alone and says so', async () => {
  const { enrolled, said, member } = start({ joinTokenFile: '' });
  await until(() => expect(said).toHaveLength(1));
  expect(said[0]).toContain('no join-token-file');
  expect([enrolled, member.failures.size]).toEqual([[], 0]);
});

test('a token file that comes later is read then', async () => {
  const folder = mkdtempSync(join(root, 'late-'));
  const joinTokenFile = join(folder, 'token');
  const { member, enrolled } = start({ joinTokenFile });
  await until(() => expect(member.failures.get('ENOENT')).toBeGreaterThan(0));
  writeFileSync(joinTokenFile, central.token);
  await until(() => expect(enrolled).toHaveLength(1));
});

test('goes on trying while central is away', async () => {
  await central.down();
  const { member, enrolled, folder } = start();
  await until(() => expect(member.failures.get('ECONNREFUSED')).toBeGreaterThan(0));
  expect(existsSync(join(folder, 'node.key'))).toBe(false);
  await central.up();
  await until(() => expect(enrolled).toHaveLength(1));
});

test('gives its token to nobody that another authority vouches for', async () => {
  const other = join(root, 'other');
  mkdirSync(other);
  const { certificate } = await createAuthority({ folder: other, clock });
  writeFileSync(join(other, 'authority.crt'), certificate);
  const { member, enrolled } = start({ caFile: join(other, 'authority.crt') });
  await until(() => expect(member.failures.size).toBe(1));
  expect([...member.failures.keys()][0]).toMatch(/CERT|SIGNATURE/);
  expect(enrolled).toEqual([]);
});

test('enrols again where central was installed anew, and only where it has a token for it', async () => {
  const other = join(root, 'installed-before');
  mkdirSync(other);
  const before = await startFakeCentral(other);
  onTestFinished(() => before.down());
  const caFile = join(other, 'authority.crt');
  const joinTokenFile = join(other, 'token');
  writeFileSync(caFile, before.authority.certificate);
  writeFileSync(joinTokenFile, before.token);
  const first = start({ url: before.url, caFile, joinTokenFile });
  await until(() => expect(first.enrolled).toHaveLength(1));
  await first.member.stop();

  const alone = start({ folder: first.folder, joinTokenFile: '' });
  await until(() => expect(alone.enrolled).toEqual(first.enrolled));
  await alone.member.stop();
  const unread = start({ folder: first.folder, caFile: join(root, 'no-authority.crt') });
  await until(() => expect(unread.enrolled).toEqual(first.enrolled));
  await unread.member.stop();

  const second = start({ folder: first.folder });
  await until(() => expect(second.enrolled).toHaveLength(1));
  expect(second.enrolled[0]?.ca).toBe(central.authority.certificate);
  expect(second.said[0]).toMatch(/authority in ca-file is another/);
});

test('a wrong token is counted under the code that central gave', async () => {
  const joinTokenFile = join(root, 'wrong-token');
  writeFileSync(joinTokenFile, 'not the token');
  const { member } = start({ joinTokenFile });
  await until(() => expect(member.failures.get('PICKET_TOKEN')).toBeGreaterThan(0));
});

test('renews when less than a third of the life of its certificate is left', async () => {
  const first = start();
  await until(() => expect(first.enrolled).toHaveLength(1));
  await first.member.stop();
  const later = clock.wallMs() + 80 * 24 * 3_600_000;
  let asked = 0;
  // Once: the certificate that the fake gives is as old by then.
  const wallMs = (): number => (asked++ === 0 ? later : clock.wallMs());
  const second = start({ folder: first.folder, joinTokenFile: '', wallMs });
  await until(() => expect(second.enrolled).toHaveLength(2));
  expect(second.enrolled[1]?.certificate).not.toBe(first.enrolled[0]?.certificate);
  expect(second.said).toEqual(['certificate renewed']);
});

test('stops while it waits for its next try', async () => {
  const { member } = start({ joinTokenFile: join(root, 'never') });
  await until(() => expect(member.failures.size).toBe(1));
  const before = performance.now();
  await member.stop();
  expect(performance.now() - before).toBeLessThan(500);
});
