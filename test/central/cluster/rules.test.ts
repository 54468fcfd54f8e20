import { describe, expect, test, vi } from 'vitest';
import { summary } from '../../builders/summaries.ts';
import type { Json } from '../../fakes/kube-store.ts';
import { api, central, LONG, next, node, ROOT, SOON, start } from './objects.ts';

describe('rules that are objects', () => {
  const rule = (name: string, when: string): Json => ({
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'PicketRule',
    metadata: { name },
    spec: {
      ...{ sentence: 'A rule of a test.', on: ['exec'], when, severity: 'high' },
      ...{ next: 'Look.', summary: '{event.exe} ran' },
    },
  });
  const RULES = `${ROOT}/picketrules`;
  /** What the node is sent when it has these. */
  async function sent(standing: Json): Promise<{ version: string; names: string[] } | null> {
    const whole = { rules: '', ruleProblems: [], exceptions: '', ...standing };
    const { reply } = await node.send({ ...summary(), sequence: next(), standing: whole });
    const rules = reply?.rules ?? null;
    return rules === null ? null : { version: rules.version, names: rules.rules.map(({ name }) => name) };
  }

  test('those that compile are sent to a node that has others, and to no agent of before', async () => {
    api.put(RULES, rule('quiet', 'event.exe == "quiet"'));
    api.put(RULES, rule('broken', 'event.exe == "a" &&\n  event.nothing'));
    await start();
    const first = await vi.waitFor(async () => {
      const found = await sent({});
      if (found === null) throw new Error('nothing sent yet');
      return found;
    }, SOON);
    expect(first.names).toEqual(['quiet']);
    expect(await sent({ rules: first.version })).toBeNull();
    expect((await node.send({ ...summary(), sequence: next() })).reply?.rules).toBeNull();
    await vi.waitFor(
      async () => expect(await central.metric('picket_central_nodes_by_rules{state="in-force"}')).toBe(1),
      SOON,
    );
    const said = { rules: first.version, ruleProblems: ['quiet: twice'] };
    await sent(said);
    expect(await central.metric('picket_central_nodes_by_rules{state="refused"}')).toBe(1);
    await vi.waitFor(
      () =>
        expect(api.object(`${ROOT}/picketnodes`, null, 'node-1')?.['status']).toMatchObject({
          rules: { version: first.version, problems: ['quiet: twice'] },
        }),
      SOON,
    );
    api.remove(RULES, null, 'quiet');
    await vi.waitFor(
      async () => expect(await sent({ rules: first.version })).toEqual({ version: '', names: [] }),
      SOON,
    );
  });

  test('those beyond the five hundredth say that they are not in force, are counted, and come in when there is room', {
    timeout: 120_000,
  }, async () => {
    const name = (at: number): string => `r-${String(at).padStart(3, '0')}`;
    for (let at = 0; at < 502; at += 1) api.put(RULES, rule(name(at), 'event.exe == "a"'));
    await start();
    const said = (at: number): unknown => api.object(RULES, null, name(at))?.['status'];
    const refused = { type: 'InForce', status: 'False', message: expect.stringMatching(/more than 500/) };
    for (const at of [500, 501])
      await vi.waitFor(() => expect(said(at)).toMatchObject({ conditions: [refused] }), LONG);
    const count = 'picket_central_objects_left_out{cluster="local",kind="PicketRule"}';
    expect(await central.metric(count)).toBe(2);
    const { names } = (await sent({})) ?? { names: [] };
    expect([names.length, names.at(-1)]).toEqual([500, name(499)]);
    api.remove(RULES, null, name(7));
    await vi.waitFor(
      () => expect(said(500)).toMatchObject({ conditions: [{ status: 'True', message: '' }] }),
      LONG,
    );
    await vi.waitFor(async () => expect(await central.metric(count)).toBe(1), SOON);
    expect(said(501)).toMatchObject({ conditions: [refused] });
  });

  test('one that does not compile says line and reason, in its status and in an Event', async () => {
    api.put(RULES, rule('broken', 'event.exe == "a" && event.nothing'));
    await start();
    const reason = /spec line \d+, column \d+, "when: .*event\.nothing": .*nothing/;
    await vi.waitFor(
      () =>
        expect(api.object(RULES, null, 'broken')?.['status']).toMatchObject({
          conditions: [
            { type: 'InForce', status: 'False', reason: 'Refused', message: expect.stringMatching(reason) },
          ],
        }),
      SOON,
    );
    await vi.waitFor(() => expect(api.all('/api/v1/events')).toHaveLength(1), SOON);
    const [event] = api.all('/api/v1/events');
    expect(event).toMatchObject({
      metadata: { namespace: 'default' },
      involvedObject: { kind: 'PicketRule', name: 'broken' },
      type: 'Warning',
      reason: 'Refused',
      message: expect.stringMatching(reason),
    });
    api.put(RULES, rule('broken', 'event.exe == "a"'));
    await vi.waitFor(
      () =>
        expect(api.object(RULES, null, 'broken')?.['status']).toMatchObject({
          conditions: [{ status: 'True', reason: 'Accepted', message: '' }],
        }),
      SOON,
    );
  });
});
