/** What central sends to all nodes: in force, kept on the disk, gone when central has it no more. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Context } from '../../agent/context.ts';
import type { Frame } from '../../agent/events/frame.ts';
import { Guidance, MAX_RULES_BYTES, type SentPart } from '../../agent/guidance.ts';
import { ClusterPeers } from '../../agent/identity/cluster-peers.ts';
import { PeopleVerdicts } from '../../agent/people-verdicts.ts';
import { RuleBook } from '../../agent/rules/book.ts';
import { SentProfileBook } from '../../agent/sent-profiles.ts';
import type { Reply } from '../../wire/index.ts';
import { execRecord } from '../builders/records.ts';
import { HEAD, hitsOn, makeContainer, ruleText } from '../builders/rules.ts';

type Sent = Pick<Reply, SentPart>;
const NOTHING = {
  rules: '',
  exceptions: '',
  peers: '',
  profiles: '',
  verdicts: '0',
  profileStates: [],
  looks: true,
  ruleProblems: [],
};

const ABSENT: Sent = { rules: null, exceptions: null, peers: null, profiles: null, verdicts: null };

let folder = '';
let frames: Frame[] = [];
let errors: unknown[] = [];
/** Asked of baselines. */
let changes: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-guidance-'));
  frames = [];
  errors = [];
  changes = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(rulesFolder = ''): {
  guidance: Guidance;
  book: RuleBook;
  peers: ClusterPeers;
  profiles: SentProfileBook;
  verdicts: PeopleVerdicts;
} {
  const book = new RuleBook(rulesFolder);
  const peers = new ClusterPeers();
  const verdicts = new PeopleVerdicts();
  const profiles = new SentProfileBook({
    changed: (workload, change) => `${change} ${workload}`,
    baseline: (text) => changes.push(text),
    summary: () => ({
      state: 'mature',
      periods: 7,
      facts: 8,
      pinned: changes.at(-1)?.startsWith('pin') === true,
    }),
  });
  const log = { info: () => undefined, warn: () => undefined };
  const context = {
    folder,
    log,
    settings: { 'rules-folder': rulesFolder },
    lifetime: { onError: (error: unknown) => errors.push(error) },
  } as unknown as Context;
  const guidance = new Guidance(context, {
    ...{ rules: book, peers, profiles, verdicts },
    push: (frame) => {
      frames.push(frame);
      if (frame.kind === 'peers') peers.use(frame.text);
    },
  });
  guidance.open();
  return { guidance, book, peers, profiles, verdicts };
}
const one = (name: string, { when = 'event.exe == "quiet"' } = {}): { name: string; text: string } => ({
  name,
  text: JSON.stringify({
    ...{ apiVersion: 'picket.dev/v1', kind: 'PicketRule', name, sentence: 'A rule of a test.', on: ['exec'] },
    ...{ when, severity: 'high', next: 'Look.', summary: '{event.exe} ran' },
  }),
});
const sent = (version: string, ...rules: { name: string; text: string }[]): Sent => ({
  rules: { version, rules },
  exceptions: null,
  peers: null,
  profiles: null,
  verdicts: null,
});
const told = (book: RuleBook): string[] =>
  hitsOn(book, makeContainer('container'), execRecord({ path: '/opt/quiet' })).map(({ rule }) => rule.name);

test('rules that were sent are in force at once, over a restart without central, and gone when there are none', {
  timeout: 60_000,
}, async () => {
  const first = open();
  await first.guidance.receive(sent('a1', one('mine')));
  expect(told(first.book)).toEqual(['mine']);
  expect(first.guidance.standing()).toEqual({ ...NOTHING, rules: 'a1' });
  const second = open();
  await second.guidance.refresh();
  expect(told(second.book)).toEqual(['mine']);
  expect(second.guidance.standing()).toMatchObject({ rules: 'a1' });
  await second.guidance.receive(sent(''));
  expect(told(second.book)).toEqual([]);
  const third = open();
  await third.guidance.refresh();
  expect([told(third.book), third.guidance.standing()]).toEqual([[], NOTHING]);
  expect(readdirSync(folder)).toEqual(['sent-rules.json']);
});

test('what does not compile here is told, and those before stay in force', { timeout: 60_000 }, async () => {
  const { guidance, book } = open();
  await guidance.receive(sent('a1', one('mine')));
  await guidance.receive(sent('a2', one('mine', { when: 'event.nothing == 1' })));
  expect(told(book)).toEqual(['mine']);
  const { rules, ruleProblems = [] } = guidance.standing();
  expect([rules, ruleProblems.length]).toEqual(['a2', 1]);
  expect(ruleProblems[0]).toMatch(/^PicketRule mine:\d+:\d+: /);
  await guidance.receive(sent('a3', one('mine')));
  expect(guidance.standing()).toMatchObject({ rules: 'a3', ruleProblems: [] });
});

test('a rule of the node’s own folder goes before one of the same name that was sent', {
  timeout: 60_000,
}, async () => {
  const own = join(folder, 'rules');
  mkdirSync(own);
  writeFileSync(join(own, 'own.yaml'), `${HEAD}rules:\n${ruleText('mine', { when: 'event.memfd' })}`);
  const { guidance, book } = open(own);
  await guidance.receive(sent('a1', one('mine'), one('theirs')));
  expect([told(book), book.problems]).toEqual([['theirs'], []]);
});

test('more than may be sent is not taken, and told', async () => {
  const { guidance, book } = open();
  const before = book.size;
  await guidance.receive(sent('a1', { name: 'long', text: `# ${'x'.repeat(MAX_RULES_BYTES)}` }));
  expect(book.size).toBe(before);
  expect(guidance.standing().ruleProblems?.[0]).toMatch(/1 rules of \d+ bytes were sent, more than/);
});

test('exceptions go into the pipeline as a frame, once, and again at the next start', async () => {
  const exceptions = {
    version: 'e1',
    exceptions: [{ name: 'nightly', workload: 'c/*', detector: '', facts: {}, expiresMs: 0 }],
  };
  const { guidance } = open();
  await guidance.receive({ ...ABSENT, exceptions });
  await guidance.receive({ ...ABSENT, exceptions });
  const frame = { kind: 'exceptions', text: JSON.stringify({ exceptions: exceptions.exceptions }) };
  expect(frames).toEqual([frame]);
  open();
  expect(frames).toEqual([frame, frame]);
});

test('names of addresses come as changes, and are known after a restart', async () => {
  const none = { rules: null, exceptions: null, profiles: null, verdicts: null };
  const { guidance, peers } = open();
  const db = (address: string): { name: string; addresses: string[] } => ({
    name: 'shop/Deployment/db',
    addresses: [address],
  });
  await guidance.receive({ ...none, peers: { version: 'p1', since: '', names: [db('10.0.0.1')], gone: [] } });
  await guidance.receive({
    ...none,
    peers: { version: 'p2', since: 'p1', names: [db('10.0.0.2')], gone: ['10.0.0.1'] },
  });
  // Of a version that is not known here: central sends all of it once it hears which is.
  await guidance.receive({ ...none, peers: { version: 'p9', since: 'p8', names: [], gone: ['10.0.0.2'] } });
  expect([peers.nameOf('10.0.0.1'), peers.nameOf('10.0.0.2'), peers.stale]).toEqual([
    null,
    'shop/Deployment/db',
    1,
  ]);
  expect(guidance.standing().peers).toBe('p2');
  guidance.keepPeers();
  const again = open();
  expect([again.peers.nameOf('10.0.0.2'), again.guidance.standing().peers]).toEqual([
    'shop/Deployment/db',
    'p2',
  ]);
});

test('a profile is pinned and begun anew once, over a restart, and let go with its object', async () => {
  const none = { rules: null, exceptions: null, peers: null };
  const workload = 'c/shop/Deployment/web/web';
  const say = (version: string, ...profiles: { workload: string; pinned: boolean; reset: string }[]) => ({
    ...none,
    profiles: { version, profiles },
    verdicts: null,
  });
  const { guidance, profiles } = open();
  await guidance.receive(say('b1', { workload, pinned: true, reset: 'monday' }));
  await guidance.receive(say('b1', { workload, pinned: true, reset: 'monday' }));
  // The frame of the reset may wait, however often it is looked: a pin now would be of the baseline before.
  profiles.apply();
  profiles.apply();
  expect(changes).toEqual([`reset ${workload}`]);
  profiles.handled(`reset ${workload}`);
  profiles.apply();
  expect(changes).toEqual([`reset ${workload}`, `pin ${workload}`]);
  expect(guidance.standing()).toMatchObject({
    profiles: 'b1',
    profileStates: [{ workload, state: 'mature', periods: 7, facts: 8, pinned: true }],
  });
  const again = open();
  await again.guidance.receive(say('b2', { workload, pinned: true, reset: 'monday' }));
  expect(changes).toHaveLength(2);
  await again.guidance.receive(say('b3', { workload, pinned: true, reset: 'tuesday' }));
  again.profiles.handled(`reset ${workload}`);
  again.profiles.apply();
  expect(changes.slice(2)).toEqual([`reset ${workload}`, `pin ${workload}`]);
  // Its object goes while the pin waits: it is let go once that is done.
  await again.guidance.receive(say(''));
  expect(changes).toHaveLength(4);
  again.profiles.handled(`pin ${workload}`);
  again.profiles.apply();
  expect(changes.slice(4)).toEqual([`unpin ${workload}`]);
});

test('what people said of alerts is known at once and over a restart, the last of it, and no more than there is room for', async () => {
  const workload = 'c/ns/Deployment/web/web';
  const judged = (hits: number) => [{ workload, detector: 'rarity', hits, falseAlarms: 2 }];
  const say = (version: string, hits: number) => ({ ...ABSENT, verdicts: { version, judged: judged(hits) } });
  const first = open();
  await first.guidance.receive(say('a1', 1));
  expect(first.guidance.standing()).toEqual({ ...NOTHING, verdicts: 'a1' });
  await first.guidance.receive(say('a2', 3));
  const again = open();
  expect(again.verdicts.of(workload)).toEqual([{ detector: 'rarity', hits: 3, falseAlarms: 2 }]);
  expect([again.verdicts.version, again.verdicts.of('c/ns/Job/other/other')]).toEqual(['a2', []]);
  const strange = [{ workload, detector: '', hits: 1, falseAlarms: 1 }];
  const many = Array.from({ length: 3000 }, (_, n) => ({
    workload: `w${n}`,
    detector: 'd',
    hits: n,
    falseAlarms: 0,
  }));
  await again.guidance.receive({ ...ABSENT, verdicts: { version: 'a3', judged: [...strange, ...many] } });
  expect([again.verdicts.of(workload), again.verdicts.of('w1998').length]).toEqual([[], 1]);
  expect(again.verdicts.of('w1999')).toEqual([]);
  await again.guidance.receive({ ...ABSENT, verdicts: { version: '0', judged: [] } });
  expect(open().verdicts.of('w1998')).toEqual([]);
});

test('files that cannot be read are counted, and central is told of nothing', () => {
  writeFileSync(join(folder, 'sent-rules.json'), '{"version"');
  writeFileSync(join(folder, 'sent-exceptions.json'), '{"rules":[]}');
  const { guidance } = open();
  expect([guidance.standing(), guidance.counts.unreadable, errors]).toEqual([NOTHING, 2, []]);
});

test.each([
  ['sent-rules.json', { rules: {} }],
  ['sent-rules.json', { rules: [{ name: 'mine' }] }],
  ['sent-exceptions.json', { exceptions: 'none' }],
  ['sent-profiles.json', { profiles: {}, resets: {} }],
  ['sent-profiles.json', { profiles: [null], resets: {} }],
  ['sent-profiles.json', { profiles: [] }],
  ['sent-profiles.json', null],
  ['sent-verdicts.json', { judged: {} }],
  ['sent-verdicts.json', null],
])('a kept file of another shape is counted, and the agent goes on: %s %j', (name, document) => {
  writeFileSync(
    join(folder, name),
    JSON.stringify(document === null ? null : { version: 'v1', ...document }),
  );
  const { guidance } = open();
  expect([guidance.standing(), guidance.counts.unreadable, frames, errors]).toEqual([NOTHING, 1, [], []]);
});
