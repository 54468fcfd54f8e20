/** Each rule with a recorded case, and one like it that must stay quiet. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { byUrgency } from '../../../central/correlate/assess.ts';
import { correlate } from '../../../central/correlate/engine.ts';
import type { Evidence, Incident } from '../../../central/correlate/incident.ts';
import { Intel } from '../../../central/correlate/intel.ts';
import { NOTHING_AROUND, type Surroundings } from '../../../central/correlate/surroundings.ts';
import { alert, container, detection } from '../../builders/summaries.ts';

const T0 = 1_800_000_000_000;
const CASES = join(import.meta.dirname, 'cases');
const RULES = join(import.meta.dirname, '../../../central/correlate/rules');

interface GivenAlert {
  readonly pod?: string;
  readonly id?: string;
  readonly node?: string;
  readonly atS?: number;
  readonly detector?: string;
  readonly severity?: string;
  readonly facts?: Record<string, string>;
  readonly techniques?: readonly string[];
  readonly entered?: boolean;
  /** A request to the API, by this user, about these pods. */
  readonly api?: string;
  readonly pods?: readonly string[];
}
interface Case {
  readonly says: string;
  readonly around?: {
    readonly live?: readonly { pod: string; node: string; digest: string; sinceS: number }[];
    readonly intel?: string;
  };
  readonly alerts: readonly GivenAlert[];
  readonly expect: readonly {
    readonly pods: readonly string[];
    readonly severity: string;
    readonly stage?: string;
    readonly identities?: readonly string[];
    readonly findings: readonly string[];
  }[];
}

function evidenceOf(given: GivenAlert, index: number): Evidence {
  const of = container(given.pod ?? 'none-1');
  const atMs = T0 + (given.atS ?? 0) * 1000;
  const id = `alr-0000000000${index}`;
  const times = { firstWallMs: atMs, lastWallMs: atMs };
  const severity = given.severity ?? 'high';
  const shared = { id, severity, techniques: [...(given.techniques ?? ['T1059.004'])], ...times };
  const base = { cluster: 'local', visits: [], pods: given.pods ?? [], opens: true, identities: [] };
  if (given.api !== undefined) {
    const identity = { user: given.api, groups: [], sources: ['192.0.2.7'], userAgent: 'kubectl' };
    const about = { ...alert(of, shared), container: '', workload: `local/-/User/${given.api}/api` };
    return { ...base, node: '', alert: about, container: null, detections: [], identities: [identity] };
  }
  const node = given.node ?? 'n1';
  const hit = detection(of, {
    id: `det-0000000000${index}`,
    alert: id,
    wallMs: atMs,
    severity,
    ...(given.detector === undefined ? {} : { detector: given.detector }),
    facts: given.facts ?? { exe: '/bin/sh', parent: 'httpd' },
  });
  const visit = {
    atMs,
    kind: 'session',
    ref: 'r',
    node,
    container: of.id,
    text: 'Somebody entered.',
  } as const;
  return {
    ...base,
    ...{ node, alert: alert(of, shared), container: of, detections: [hit] },
    visits: given.entered === true ? [visit] : [],
  };
}

function aroundOf({ around }: Case): Surroundings {
  const intel = new Intel([{ name: 'ours.txt', text: around?.intel ?? '' }], T0);
  return {
    ...NOTHING_AROUND,
    siblingsOf: (workload) =>
      (around?.live ?? [])
        .map((live) => ({ live, of: container(live.pod) }))
        .filter(({ of }) => of.workload === workload)
        .map(({ live, of }) => ({
          node: live.node,
          id: of.id,
          imageDigest: live.digest,
          live: true,
          sinceMs: T0 + live.sinceS * 1000,
        })),
    matchesOf: (value) => intel.matchesOf(value),
  };
}

/** Alerts come one by one, as reports bring them. */
function incidentsOf(given: Case): Incident[] {
  const known = new Map<string, Incident>();
  for (const evidence of given.alerts.map(evidenceOf)) {
    const { changes } = correlate({
      incidents: [...known.values()],
      evidence: [evidence],
      memberships: new Map(),
      calledFalse: new Set(),
      exceptions: [],
      around: aroundOf(given),
      windowMs: 600_000,
      nowMs: T0,
    });
    for (const { incident } of changes) known.set(incident.id, incident);
  }
  return [...known.values()];
}

const names = readdirSync(CASES).map((file) => file.replace('.json', ''));
const read = (name: string): Case => JSON.parse(readFileSync(join(CASES, `${name}.json`), 'utf8')) as Case;

describe.each(names)('%s', (name) => {
  const given = read(name);
  test(given.says, () => {
    const found = incidentsOf(given);
    expect(
      found.map((incident, at) => ({
        pods: incident.involved.map(({ pod }) => pod),
        severity: incident.severity,
        ...(given.expect[at]?.stage === undefined ? {} : { stage: incident.stage }),
        ...(given.expect[at]?.identities === undefined
          ? {}
          : { identities: incident.identities.map(({ user }) => user) }),
        findings: incident.findings,
      })),
    ).toEqual(given.expect);
  });
});

test('every rule has a case and a quiet one', () => {
  const rules = readdirSync(RULES).map((file) => file.replace('.ts', ''));
  const own = rules.filter((rule) => rule !== 'index' && rule !== 'signs');
  expect(own.filter((rule) => !names.includes(rule) || !names.includes(`${rule}-quiet`))).toEqual([]);
});

test('a listed peer and a worthy namespace are more urgent, and say why', () => {
  const [plain] = incidentsOf(read('listed-quiet'));
  const [listed] = incidentsOf(read('listed'));
  expect((listed?.priority ?? 0) - (plain?.priority ?? 0)).toBe(10);
  expect(listed?.reasons).toContain('listed (+10)');
});

test('the order is the same whichever way they come', () => {
  const of = (priority: number, lastMs: number, id: string) => ({ priority, lastMs, id });
  const all = [of(50, 1, 'b'), of(90, 1, 'c'), of(50, 2, 'a'), of(50, 1, 'a')];
  const sorted = all.toSorted(byUrgency);
  expect(all.toReversed().toSorted(byUrgency)).toEqual(sorted);
  expect(sorted.map(({ priority, lastMs, id }) => `${priority} ${lastMs} ${id}`)).toEqual([
    '90 1 c',
    '50 2 a',
    '50 1 a',
    '50 1 b',
  ]);
});
