import { afterEach, beforeEach, expect, test } from 'vitest';
import { podsCheck } from '../../cli/doctor/kubernetes.ts';
import { FakeKubeApi } from '../fakes/kube-api.ts';

let api: FakeKubeApi;
beforeEach(async () => {
  api = await new FakeKubeApi().up();
});
afterEach(() => api.stop());

const check = (node: string) =>
  podsCheck({ pods: '', kubernetes: { url: api.url, caFile: api.caFile }, node });

test('a node with pods is well, one that the cluster does not know is not', async () => {
  api.put('/api/v1/pods', { metadata: { name: 'a', namespace: 'b' }, spec: { nodeName: 'n1' } });
  expect(await check('n1')).toMatchObject({ state: 'OK', found: `1 from ${api.url}` });
  expect(await check('n2')).toMatchObject({ state: 'WARN', todo: expect.stringMatching(/spec\.nodeName/) });
});

test('says what is refused, and what to do', async () => {
  api.fault = () => ({ status: 403, reason: 'Forbidden' });
  expect(await check('n1')).toMatchObject({ state: 'WARN', todo: expect.stringMatching(/ClusterRole/) });
});

test('without Kubernetes nothing is missing', async () => {
  const none = { pods: '', kubernetes: null, node: 'n1' };
  expect(await podsCheck(none)).toMatchObject({ state: 'OK' });
  expect(await podsCheck({ ...none, pods: '/pods.json' })).toMatchObject({ state: 'OK' });
});
