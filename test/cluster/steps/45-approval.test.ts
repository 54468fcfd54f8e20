/** A policy that asks, and a person's yes and taking back, with kubectl alone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { until } from '../command.ts';
import { podOfShop, SHOP } from '../shop.ts';

const cluster = attach();
let pod = '';
const POLICY = {
  apiVersion: 'picket.dev/v1alpha1',
  kind: 'PicketPolicy',
  metadata: { name: 'ask-shop' },
  spec: {
    match: { namespaces: [SHOP], minSeverity: 'low' },
    mode: 'ask',
    action: { networkDeny: true, killOnExec: false, lease: '30m' },
    limits: { maxContainers: 1, maxPercentOfWorkload: 100, perHour: 10 },
  },
};

beforeAll(async () => {
  pod = await podOfShop(cluster);
  await cluster.apply(POLICY);
});
afterAll(async () => {
  await cluster.kubectl(['delete', 'picketpolicy', 'ask-shop', '--ignore-not-found']);
});

interface Item {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly pod: string };
  readonly status?: { readonly phase?: string };
}
const objects = async (phase: string): Promise<Item[]> => {
  const { items } = await cluster.get<{ items: Item[] }>(['containments', '-n', SHOP]);
  return items.filter((item) => item.status?.phase === phase && item.spec.pod === pod);
};
const first = (phase: string): Promise<string> =>
  until(`a containment that is ${phase}`, async () => (await objects(phase))[0]?.metadata.name, 180_000);
/** Whether a page comes from the cluster's API server, which is not the pod's own. */
const reaches = async (): Promise<string> =>
  (
    await cluster.kubectl([
      'exec',
      '-n',
      SHOP,
      pod,
      '--',
      'sh',
      '-c',
      'nc -w 3 10.96.0.1 443 </dev/null && echo yes || echo no',
    ])
  ).trim();

test('a plan that asks is an object that waits, and nothing is cut', async () => {
  await until('the policy in force', async () => {
    const { status } = await cluster.get<{ status?: { conditions?: { type: string; status: string }[] } }>([
      'picketpolicy',
      'ask-shop',
    ]);
    return status?.conditions?.some(({ type, status }) => type === 'InForce' && status === 'True');
  });
  await cluster.kubectl(['exec', '-n', SHOP, pod, '--', 'cat', '/etc/shadow']);
  await first('Proposed');
  expect(await reaches()).toBe('yes');
});

test('approved with kubectl, it is cut off', async () => {
  const yes = ['--type=merge', '-p', JSON.stringify({ spec: { approvedBy: 'admin' } })];
  await cluster.kubectl(['patch', 'containment', await first('Proposed'), '-n', SHOP, ...yes]);
  await first('Active');
  await expect.poll(reaches, { timeout: 180_000, interval: 1000 }).toBe('no');
});

test('deleted with kubectl, it is taken back', async () => {
  await cluster.kubectl(['delete', 'containment', await first('Active'), '-n', SHOP, '--timeout=120s']);
  await expect.poll(reaches, { timeout: 180_000, interval: 1000 }).toBe('yes');
});
