import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { forAgents, forWebhook, publish } from '../../../central/pki/publish.ts';
import { KubeClient } from '../../../kit/kube/client.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';

let api: FakeKubeApi;
let client: KubeClient;
const stopping = new AbortController();

beforeEach(async () => {
  api = await new FakeKubeApi().up();
  client = new KubeClient({ url: api.url, caFile: api.caFile }, { userAgent: 'test' });
});
afterEach(async () => {
  stopping.abort();
  await client.close();
  expect(api.violations).toEqual([]);
  await api.stop();
});

test('writes the authority once its ConfigMap is there, and touches nothing else in it', async () => {
  const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true };
  const collection = { resource: CONFIG_MAPS, namespace: 'picket' };
  const errors: unknown[] = [];
  const onPublished = vi.fn();
  const done = publish({
    client,
    what: forAgents('picket/picket-ca', 'PEM'),
    signal: stopping.signal,
    onPublished,
    onError: (error) => errors.push(error),
  });
  await vi.waitFor(() => expect(errors).toMatchObject([{ status: 404 }]), 20_000);
  const metadata = { name: 'picket-ca', namespace: 'picket' };
  await client.create(collection, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { other: 'x' } });
  await vi.waitFor(() => expect(onPublished).toHaveBeenCalledTimes(1), 20_000);
  const found = await client.get({ ...collection, name: 'picket-ca' });
  expect(found['data']).toEqual({ other: 'x', 'ca.crt': 'PEM' });
  stopping.abort();
  await done;
});

test('tells the API server whom to trust and where, and leaves what it asks about as it is', () => {
  const { ref, body, type } = forWebhook('picket', 'PEM', 'sesame');
  expect([ref.name, ref.resource.plural, type]).toEqual([
    'picket',
    'validatingwebhookconfigurations',
    'strategic',
  ]);
  const clientConfig = { caBundle: 'UEVN', service: { path: '/v1/admission/sesame' } };
  expect(body).toEqual({ webhooks: [{ name: 'pods.picket.dev', clientConfig }] });
});
