/** A central with the objects of a cluster, made anew for each test: a fake API server, and one node. */
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { type Container, decodeOrder, type Order, type OrderReport } from '../../../wire/index.ts';
import { summary } from '../../builders/summaries.ts';
import { FakeKubeApi } from '../../fakes/kube-api.ts';
import type { Json, Stored } from '../../fakes/kube-store.ts';
import { startCentral, type TestCentral, type TestNode, temporaryFolder } from '../harness.ts';

export const ROOT = '/apis/picket.dev/v1alpha1';
export const CONTAINMENTS = `${ROOT}/containments`;
export const SOON = { timeout: 40_000, interval: 20 };
/** That a central keeps of its own cluster. */
export const WATCHES = 11;
export const LONG = { timeout: 90_000, interval: 200 };

export let api: FakeKubeApi;
let folder: ReturnType<typeof temporaryFolder>;
export let central: TestCentral;
export let node: TestNode;
let sequence: number;
/** What runs on the node, as its last summary said. */
let running: readonly Container[];

beforeEach(async () => {
  api = await new FakeKubeApi().up();
  folder = temporaryFolder();
  sequence = 1;
  running = [];
});
afterEach(async () => {
  await central.stop();
  expect(api.violations).toEqual([]);
  await api.stop();
  folder.remove();
});

export async function start(policies: readonly string[] = [], tickMs?: number): Promise<void> {
  const flags = { kubernetes: api.url, 'kubernetes-ca-file': api.caFile };
  central = await startCentral({ folder: folder.path, policies, flags, ...(tickMs && { tickMs }) });
  node = central.node(await central.enrol());
}
export const enforce = (
  limits = '{ maxContainers: 5, maxPercentOfWorkload: 100 }',
  mode = 'enforce',
): Json => ({
  apiVersion: 'picket.dev/v1alpha1',
  kind: 'PicketPolicy',
  metadata: { name: `everywhere-${mode}` },
  spec: { match: { minSeverity: 'high' }, mode, limits: JSON.parse(limits.replace(/(\w+):/g, '"$1":')) },
});
/** Of the node's next summary. */
export function next(): number {
  sequence += 1;
  return sequence;
}
/** What the node says, and the orders that come back. */
export async function send(change: Json): Promise<Order[]> {
  running = (change['containers'] as Container[] | undefined) ?? running;
  const { reply, error } = await node.send({
    ...summary(),
    sequence: next(),
    containers: [...running],
    ...change,
  });
  if (reply === null) throw new Error(JSON.stringify(error));
  return reply.orders.map(({ payload }) => decodeOrder(payload));
}
export const answer = (order: Order, state: string): Promise<Order[]> => {
  const report: Partial<OrderReport> = { order: order.id, state, detail: `${state} it`, wallMs: Date.now() };
  return send({ orderReports: [{ ...report, untilMs: state === 'applied' ? Date.now() + 60_000 : 0 }] });
};
export const objects = (): Stored[] => api.all(CONTAINMENTS);
export const phases = (): Record<string, unknown> =>
  Object.fromEntries(
    objects().map(({ metadata, status }) => [
      metadata.name.replace(/(ord|pln)-.*/, '$1'),
      (status as Json)?.['phase'],
    ]),
  );
export const becomes = (expected: Record<string, unknown>): Promise<void> =>
  vi.waitFor(() => expect(phases()).toEqual(expected), SOON);
export const condition = (name: string): unknown => {
  const status = api.object(`${ROOT}/picketpolicies`, null, name)?.['status'] as
    | { conditions?: Json[] }
    | undefined;
  const [found] = status?.conditions ?? [];
  return found === undefined ? null : `${found['status']} ${found['reason']} ${found['message']}`;
};
export async function policies(): Promise<string[]> {
  const { value } = await central.call('GET', '/api/v1/policies');
  return (value['policies'] as Json[])
    .filter((one) => one['inForce'] === true)
    .map((one) => String(one['name']));
}
export const ask = (name: string, spec: Json): Stored =>
  api.put(CONTAINMENTS, {
    apiVersion: 'picket.dev/v1alpha1',
    kind: 'Containment',
    metadata: { name, namespace: 'demo' },
    spec: { reason: 'it looks wrong', requestedBy: 'alice', ...spec },
  });
export const approve = (name: string): void => {
  const found = objects().find(({ metadata }) => metadata.name.startsWith(name));
  if (found === undefined) throw new Error(`no ${name}`);
  api.put(CONTAINMENTS, { ...found, spec: { ...(found['spec'] as Json), approvedBy: 'bob' } });
};
export async function orderTo(state: 'contain' | 'release'): Promise<Order> {
  return vi.waitFor(async () => {
    const found = (await send({})).find(({ kind }) => kind === state);
    if (found === undefined) throw new Error(`no ${state} order yet`);
    return found;
  }, SOON);
}
