import { describe, expect, test, vi } from 'vitest';
import type { Json } from '../../fakes/kube-store.ts';
import { api, central, condition, enforce, policies, ROOT, SOON, start } from './objects.ts';

describe('policies that are objects', () => {
  test('are in force behind files, the highest priority first, and say so', async () => {
    const high = enforce('{}', 'observe');
    api.put(`${ROOT}/picketpolicies`, { ...high, spec: { ...(high['spec'] as Json), priority: 5 } });
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start(['enforce-demo.yaml']);
    const all = ['enforce-demo', 'everywhere-observe', 'everywhere-enforce'];
    await vi.waitFor(async () => expect((await policies()).toReversed()).toEqual(all), SOON);
    await vi.waitFor(() => expect(condition('everywhere-enforce')).toBe('True Accepted '), SOON);
  });

  test('one that cannot be read is not in force, says why, and keeps no other out', async () => {
    api.put(`${ROOT}/picketpolicies`, { ...enforce(), metadata: { name: 'wrong' }, spec: { mode: 'maybe' } });
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start();
    await vi.waitFor(
      () => expect(condition('wrong')).toMatch(/^False Refused .*"maybe" is not one of/),
      SOON,
    );
    expect(await policies()).toEqual(['everywhere-enforce']);
    api.remove(`${ROOT}/picketpolicies`, null, 'everywhere-enforce');
    await vi.waitFor(async () => expect(await policies()).toEqual([]), SOON);
  });

  test('stay in force over a restart during which the API server is away', async () => {
    api.put(`${ROOT}/picketpolicies`, enforce());
    await start();
    await vi.waitFor(async () => expect(await policies()).toEqual(['everywhere-enforce']), SOON);
    await central.stop();
    await api.down();
    await start();
    expect(await policies()).toEqual(['everywhere-enforce']);
    expect(await central.metric('picket_central_objects_in_step{cluster="local"}')).toBe(0);
    api.remove(`${ROOT}/picketpolicies`, null, 'everywhere-enforce');
    await api.up();
    await vi.waitFor(async () => expect(await policies()).toEqual([]), SOON);
  });
});
