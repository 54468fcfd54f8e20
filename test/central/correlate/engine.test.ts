import { describe, expect, it } from 'vitest';
import { correlate, type EngineInput } from '../../../central/correlate/engine.ts';
import type { Evidence, Incident } from '../../../central/correlate/incident.ts';
import { NOTHING_AROUND } from '../../../central/correlate/surroundings.ts';
import type { ReportedAlert, ReportedContainer, ReportedDetection } from '../../../central/ingest/report.ts';
import { matchesGlob } from '../../../kit/glob.ts';
import { alert, container, detection } from '../../builders/summaries.ts';

const T0 = 1_800_000_000_000;
const MINUTE = 60_000;

function evidence(
  of: ReportedContainer,
  change: { node?: string; alert?: Partial<ReportedAlert>; detections?: readonly ReportedDetection[] } = {},
): Evidence {
  const times = { firstWallMs: T0, lastWallMs: T0 };
  return {
    cluster: 'local',
    node: change.node ?? 'node-1',
    container: of,
    alert: alert(of, { ...times, ...change.alert }),
    detections: change.detections ?? [],
    identities: [],
    visits: [],
    pods: [],
    opens: true,
  };
}
const run = (all: readonly Evidence[], known: readonly Incident[] = [], change: Partial<EngineInput> = {}) =>
  correlate({
    incidents: known,
    evidence: all,
    memberships: new Map(),
    calledFalse: new Set(),
    exceptions: [],
    around: NOTHING_AROUND,
    windowMs: 10 * MINUTE,
    nowMs: T0,
    ...change,
  });
const only = (output: ReturnType<typeof run>): Incident => {
  const [change, ...rest] = output.changes;
  if (change === undefined || rest.length > 0) throw new Error(`${output.changes.length} changes`);
  return change.incident;
};
const web = container('web-1');
const api = container('api-1');

describe('one incident', () => {
  it('is opened with what the alert says', () => {
    const hit = detection(web, { wallMs: T0 - 5 });
    const output = run([evidence(web, { detections: [hit] })]);
    expect(output).toEqual({
      suppressed: [],
      changes: [
        {
          kind: 'opened',
          incident: {
            id: `inc-${only(output).id.slice(4)}`,
            cluster: 'local',
            state: 'open',
            severity: 'high',
            stage: 'execution',
            confidence: 0.9,
            title: 'A server started a shell (in demo/web-1/web)',
            firstMs: T0,
            lastMs: T0,
            members: [expect.objectContaining({ alert: hit.alert, because: 'the first alert' })],
            involved: [expect.objectContaining({ node: 'node-1', id: web.id, namespace: 'demo' })],
            techniques: ['T1059.004'],
            identities: [],
            pods: [],
            priority: 56,
            reasons: [
              'high severity (+30)',
              'confidence 0.90 (+18)',
              'value 1 of where it is (+5)',
              'stage execution (+3)',
            ],
            findings: [],
            reaches: [],
            matches: [],
            facts: { 'shell-from-server [["exe","/bin/sh"],["parent","httpd"]]': [`node-1/${web.id}`] },
            timeline: [
              {
                atMs: T0 - 5,
                kind: 'detection',
                ref: hit.id,
                node: 'node-1',
                container: web.id,
                text: hit.summary,
              },
              expect.objectContaining({ atMs: T0, kind: 'alert', ref: hit.alert }),
            ],
            omitted: 0,
            revision: 1,
          },
        },
      ],
    });
  });

  it('is the same for the same alerts, each time', () => {
    expect(run([evidence(web)])).toEqual(run([evidence(web)]));
  });

  it('takes in the next alert of the same workload on another node', () => {
    const replica = container('web-2');
    expect(
      only(run([evidence(web), evidence(replica, { node: 'node-2' })])).involved.map(({ node }) => node),
    ).toEqual(['node-1', 'node-2']);
  });

  it('takes in an alert within the window and none after it', () => {
    const later = (minutes: number) =>
      evidence(web, {
        alert: {
          id: 'alr-00000000000000000001',
          firstWallMs: T0 + minutes * MINUTE,
          lastWallMs: T0 + minutes * MINUTE,
        },
      });
    const known = only(run([evidence(web)]));
    expect(run([later(10)], [known]).changes.map(({ kind }) => kind)).toEqual(['updated']);
    expect(run([later(11)], [known]).changes.map(({ kind }) => kind)).toEqual(['opened']);
  });

  it('does not take in what has nothing to do with it', () => {
    expect(run([evidence(web), evidence(api)]).changes).toHaveLength(2);
  });

  it('takes in the same detector with the same facts elsewhere, and is one step worse', () => {
    const incident = only(
      run([evidence(web, { detections: [detection(web)] }), evidence(api, { detections: [detection(api)] })]),
    );
    expect([incident.severity, incident.involved.length]).toEqual(['critical', 2]);
  });

  it('does not call it spread when a fact differs', () => {
    const other = detection(api, { facts: { exe: '/bin/bash', parent: 'httpd' } });
    expect(
      run([evidence(web, { detections: [detection(web)] }), evidence(api, { detections: [other] })]).changes,
    ).toHaveLength(2);
  });

  it('is one step worse when the tactics make a chain, and stands at the last one', () => {
    const incident = only(run([evidence(web, { alert: { techniques: ['T1190', 'T1059', 'T1552.001'] } })]));
    expect([incident.severity, incident.stage]).toEqual(['critical', 'credential-access']);
  });

  it('is not changed in its place by an update of its alert', () => {
    const known = only(run([evidence(web)]));
    const update = evidence(web, { alert: { revision: 2, severity: 'critical' } });
    const output = run([update], [{ ...known, state: 'closed' }], {
      memberships: new Map([[update.alert.id, known.id]]),
    });
    expect(output.changes).toMatchObject([
      {
        kind: 'escalated',
        incident: {
          id: known.id,
          state: 'open',
          severity: 'critical',
          members: [{ because: 'the first alert' }],
        },
      },
    ]);
  });

  it('is told and answered once more when it was closed, be it no worse than before', () => {
    const known = only(run([evidence(web)]));
    const update = evidence(web, { alert: { revision: 2 } });
    const memberships = new Map([[update.alert.id, known.id]]);
    const kinds = (state: Incident['state']): readonly string[] =>
      run([update], [{ ...known, state }], { memberships }).changes.map(({ kind }) => kind);
    expect([kinds('open'), kinds('closed')]).toEqual([['updated'], ['escalated']]);
  });

  it('is not told once more when people called all of it false, but when it became worse', () => {
    const known = only(run([evidence(web)]));
    const kind = (severity: 'high' | 'critical'): string | undefined => {
      const update = evidence(web, { alert: { revision: 2, severity } });
      const memberships = new Map([[update.alert.id, known.id]]);
      const calledFalse = new Set([known.id]);
      return run([update], [{ ...known, state: 'closed' }], { memberships, calledFalse }).changes[0]?.kind;
    };
    expect([kind('high'), kind('critical')]).toEqual(['updated', 'escalated']);
  });

  it('is bounded however many alerts there are, and counts what it left out', () => {
    const many = Array.from({ length: 700 }, (_, index) =>
      evidence(web, { alert: { id: `alr-${String(index).padStart(20, '0')}` } }),
    );
    const incident = only(run(many));
    expect([incident.members.length, incident.timeline.length, incident.omitted]).toEqual([500, 500, 200]);
  });

  it('is less sure of alerts for which something was lost', () => {
    const sure = only(run([evidence(web)])).confidence;
    const unsure = only(run([evidence(web, { alert: { quality: '12 records lost' } })])).confidence;
    expect([sure, unsure]).toEqual([0.9, 0.45]);
  });
});

describe('an exception', () => {
  const rule = {
    name: 'e',
    workload: '*/web/*',
    detector: 'shell-from-server',
    facts: { exe: '/bin/*' },
    reason: 'r',
    expiresMs: null,
  };
  const hit = evidence(web, { detections: [detection(web)] });
  it.each([
    ['covers all', rule, [], 1],
    ['has expired', { ...rule, expiresMs: T0 }, [], 0],
    ['is of another workload', { ...rule, workload: '*/api/*' }, [], 0],
    ['is of another fact', { ...rule, facts: { exe: '/usr/*' } }, [], 0],
    ['covers only one of two detections', rule, [detection(web, { id: 'det-2', detector: 'other' })], 0],
  ])('that %s', (_, exception, more, suppressed) => {
    const output = run([{ ...hit, detections: [...hit.detections, ...more] }], [], {
      exceptions: [exception],
    });
    expect([output.suppressed.length, output.changes.length]).toEqual([suppressed, 1 - suppressed]);
  });
});

it.each([
  ['*', '', true],
  ['a*b*c', 'a/x/b/y/c', true],
  ['a*b*c', 'acb', false],
  ['ab*ba', 'aba', false],
  ['demo', 'demo2', false],
  ['*/demo/*', 'local/demo/Deployment', true],
])('the pattern %s on %s: %s', (pattern, value, expected) => {
  expect(matchesGlob(pattern, value)).toBe(expected);
});

describe('several containers in one incident', () => {
  const shared = { detector: 'secret-read', facts: { path: '/etc/shadow' } };
  const two = (severity: string): readonly Evidence[] =>
    [web, api].map((of, index) =>
      evidence(of, {
        alert: { id: `alr-${index}`, severity, workload: `local/demo/Deployment/w${index}/c` },
        detections: [detection(of, { ...shared, id: `det-${index}`, severity })],
      }),
    );

  it('is news when one of them alone becomes worse, as plans go by each container', () => {
    const [first, second] = two('high');
    if (first === undefined || second === undefined) throw new Error('two were made');
    const mild = { ...second, alert: { ...second.alert, severity: 'medium' } };
    const before = only(run([first, mild]));
    const memberships = new Map([[second.alert.id, before.id]]);
    const worse = { ...second, alert: { ...second.alert, revision: 2 } };

    expect(run([worse], [before], { memberships }).changes.map(({ kind }) => kind)).toEqual(['escalated']);
    const after = only(run([worse], [before], { memberships }));
    expect(run([worse], [after], { memberships }).changes.map(({ kind }) => kind)).toEqual(['updated']);
  });

  it('is not made of weak signs that are the same everywhere', () => {
    expect(run(two('medium')).changes).toHaveLength(1);
    expect(run(two('low')).changes).toHaveLength(2);
  });
});
