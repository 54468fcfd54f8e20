/** What every cluster action promises, against an API server that the caller brings: a fake one, or a real one. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterAction, ClusterTarget } from '../../central/respond/cluster/action.ts';
import { CLUSTER_ORDER } from '../../central/respond/cluster/ask.ts';
import { CLUSTER_ACTIONS } from '../../central/respond/cluster/index.ts';
import type { ClusterOrder } from '../../central/respond/cluster/order.ts';
import { runClusterOrders } from '../../central/respond/cluster/run.ts';
import { fileDialect, openStore, type Store } from '../../central/store/database.ts';
import type { KubeClient } from '../../kit/kube/client.ts';
import { type Permission, permissionLines } from '../../kit/kube/permission.ts';
import { temporaryFolder } from '../central/harness.ts';

export type Owner = 'Deployment' | 'StatefulSet' | 'ReplicaSet';
export interface Scene {
  readonly target: ClusterTarget;
  /** What the actions may change: labels of the pod, replicas, the node's mark, names of policies, quotas and secrets. */
  look(): Promise<unknown>;
}
export interface ClusterWorld {
  /** A pod of a workload on a node, in a namespace of its own. */
  scene(owner: Owner): Promise<Scene>;
  /** A client that may do exactly this. */
  client(permissions: readonly Permission[]): Promise<KubeClient>;
}

const OWNERS: readonly Owner[] = ['Deployment', 'StatefulSet', 'ReplicaSet'];
const NOW = 1_800_000_000_000;
const LEASE = 600_000;

/** One rule for each group, resource and verb. */
const singly = (permissions: readonly Permission[]): readonly Permission[] =>
  permissions.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => ({ apiGroups: [group], resources: [resource], verbs: [verb] })),
      ),
    ),
  );
const without = (permissions: readonly Permission[], line: string): readonly Permission[] =>
  singly(permissions).filter((one) => permissionLines([one])[0] !== line);

export function clusterActionSuite(name: string, world: () => ClusterWorld): void {
  let store: Store;
  let folder: ReturnType<typeof temporaryFolder>;
  let now = NOW;
  let count = 0;

  async function order(action: ClusterAction, scene: Scene): Promise<string> {
    count += 1;
    const made: ClusterOrder = {
      id: `${CLUSTER_ORDER}${String(count).padStart(4, '0')}-${process.pid}`,
      cluster: 'c',
      action: action.name,
      target: scene.target,
      ...{ incident: '', policy: '', actor: 'test', reason: 'test', detail: '', releasedBy: '' },
      ...{ state: 'queued', before: null, seen: null },
      ...{ issuedMs: now, notAfterMs: now + 300_000, leaseMs: LEASE, untilMs: 0 },
    };
    await store.clusterOrders.add(made);
    return made.id;
  }
  const run = (kube: KubeClient | null, enabled = CLUSTER_ACTIONS.map((action) => action.name)) =>
    runClusterOrders({
      transaction: (work) => store.transaction(({ response }) => work(response)),
      kubeOf: () => kube,
      enabled,
      nowMs: () => now,
    });
  async function stateOf(id: string): Promise<Pick<ClusterOrder, 'state' | 'detail' | 'seen'>> {
    const found = await store.clusterOrders.get(id);
    if (found === null) throw new Error(`no order ${id}`);
    return found;
  }
  const release = (id: string) =>
    store.clusterOrders.change(id, 'applied', { state: 'releasing', releasedBy: 'admin' });

  beforeEach(async () => {
    folder = temporaryFolder();
    now = NOW;
    store = await openStore({ dialect: fileDialect(join(folder.path, 'db')), auditKey: new Uint8Array(32) });
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });

  test(`${name}: the list is the one that is promised`, () => {
    expect(CLUSTER_ACTIONS.map((action) => `${action.name} ${action.reversal}`)).toEqual([
      'quarantine reversible',
      'evict irreversible',
      'delete-pod irreversible',
      'scale-down reversible',
      'cordon reversible',
      'quota reversible',
      'revoke-token irreversible',
    ]);
  });

  describe.each(CLUSTER_ACTIONS)(`${name}: $name`, (action) => {
    const lasts = action.undo !== null;
    const ended = lasts ? 'applied' : 'done';

    test('with exactly its permissions is done, verified and written down', async () => {
      const scene = await world().scene('Deployment');
      const before = await scene.look();
      const id = await order(action, scene);
      await run(await world().client(action.permissions));
      const { state, seen } = await stateOf(id);
      expect([state, seen?.verified]).toEqual([ended, true]);
      expect(await scene.look()).not.toEqual(before);
      const [step] = await store.views.steps({ limit: 1, before: null, incident: null });
      expect(step).toMatchObject({ action: 'answer', order: id });
    });

    test('is taken back by a person, and by its time; what was there is there again', async () => {
      if (!lasts) return expect(action.reversal).toBe('irreversible');
      const scene = await world().scene('Deployment');
      const kube = await world().client(action.permissions);
      const before = await scene.look();
      const byHand = await order(action, scene);
      await run(kube);
      expect(await release(byHand)).toBe(true);
      await run(kube);
      expect([(await stateOf(byHand)).state, await scene.look()]).toEqual(['released', before]);
      const byTime = await order(action, scene);
      await run(kube);
      now += LEASE - 1;
      await run(kube);
      expect((await stateOf(byTime)).state).toBe('applied');
      now += 1;
      await run(kube);
      await run(kube);
      expect([(await stateOf(byTime)).state, await scene.look()]).toEqual(['expired', before]);
    });

    test.each(permissionLines(action.permissions))('without "%s" it fails and says so', async (line) => {
      const owner = OWNERS.find((kind) => line.includes(` ${kind.toLowerCase()}s/`)) ?? 'Deployment';
      const scene = await world().scene(owner);
      const before = await scene.look();
      const id = await order(action, scene);
      const [less, whole] = [
        await world().client(without(action.permissions, line)),
        await world().client(action.permissions),
      ];
      await run(less);
      const first = await stateOf(id);
      if (first.state === 'failed') {
        expect(first.detail).toMatch(/403 Forbidden/);
        expect((await store.views.steps({ limit: 1, before: null, incident: null }))[0]).toMatchObject({
          text: expect.stringContaining('Forbidden'),
        });
        return;
      }
      // It is what undoing needs: then that waits, says why, and goes on when the right is there again.
      await release(id);
      await run(less);
      expect(await stateOf(id)).toMatchObject({
        state: 'releasing',
        detail: expect.stringContaining('403 Forbidden'),
      });
      await run(whole);
      expect([(await stateOf(id)).state, await scene.look()]).toEqual(['released', before]);
    });

    test('is gone on with after a death before its end is written down, and is as if done once', async () => {
      const scene = await world().scene('Deployment');
      const kube = await world().client(action.permissions);
      const before = await scene.look();
      const id = await order(action, scene);
      const { target } = scene;
      const kept = await action.prepare({ kube, target, order: id });
      await store.clusterOrders.change(id, 'queued', { state: 'begun', before: kept });
      await action.execute({ kube, target, order: id }, kept);
      const after = await scene.look();
      await run(kube);
      expect([(await stateOf(id)).state, await scene.look()]).toEqual([ended, after]);
      if (!lasts) return;
      await release(id);
      await action.undo?.({ kube, target, order: id }, kept);
      await run(kube);
      expect([(await stateOf(id)).state, await scene.look()]).toEqual(['released', before]);
    });

    test('does nothing to what came in the place of its target', async () => {
      const scene = await world().scene('Deployment');
      const before = await scene.look();
      const other = { ...scene.target, podUid: '00000000-0000-4000-8000-000000000000' };
      const gone = { ...other, node: 'none-such', workload: 'c/n/Deployment/none-such/c' };
      const id = await order(action, { ...scene, target: gone });
      await run(await world().client(action.permissions));
      const { state, detail } = await stateOf(id);
      // The namespace is there, whatever pod was meant.
      if (action.name === 'quota') return expect(state).toBe('applied');
      expect([state, detail]).toEqual(['failed', expect.stringContaining('is not there')]);
      expect(await scene.look()).toEqual(before);
    });

    test('is refused where it is not enabled, where no API server is known, and when it is too late', async () => {
      const scene = await world().scene('Deployment');
      const before = await scene.look();
      const kube = await world().client(action.permissions);
      const refused = async (how: () => Promise<unknown>): Promise<unknown> => {
        const id = await order(action, scene);
        await how();
        const { state, detail } = await stateOf(id);
        return [state, detail];
      };
      expect(await refused(() => run(kube, []))).toEqual([
        'failed',
        `${action.name} is not among the cluster-actions of central`,
      ]);
      expect(await refused(() => run(null))).toEqual(['failed', 'no API server of cluster c is known']);
      expect(
        await refused(() => {
          now += 300_000;
          return run(kube);
        }),
      ).toEqual(['failed', 'it did not begin in time']);
      expect(await scene.look()).toEqual(before);
    });
  });
}
