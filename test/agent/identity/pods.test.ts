import { expect, test } from 'vitest';
import { readPodList } from '../../../agent/identity/pods.ts';
import { workloadOf } from '../../../kit/kube/workload.ts';
import { ID, podList, UID } from '../../builders/world.ts';

const pod = { name: 'p-1', nodeName: 'n1', labels: {} };

test.each([
  [
    'Deployment',
    { kind: 'ReplicaSet', name: 'api-abc12' },
    { 'pod-template-hash': 'abc12' },
    'Deployment',
    'api',
  ],
  ['ReplicaSet of its own', { kind: 'ReplicaSet', name: 'api-abc12' }, {}, 'ReplicaSet', 'api-abc12'],
  ['CronJob', { kind: 'Job', name: 'report-28345678' }, {}, 'CronJob', 'report'],
  ['Job', { kind: 'Job', name: 'migrate' }, {}, 'Job', 'migrate'],
  ['StatefulSet', { kind: 'StatefulSet', name: 'db' }, {}, 'StatefulSet', 'db'],
  ['DaemonSet', { kind: 'DaemonSet', name: 'logs' }, {}, 'DaemonSet', 'logs'],
])('a pod of a %s belongs to it', (_, owner, labels, kind, name) => {
  expect(workloadOf({ ...pod, labels, owner })).toEqual({ kind, name });
});

test('a static pod is known without its node’s name, a bare pod by its own', () => {
  const static_ = { ...pod, name: 'etcd-n1', owner: { kind: 'Node', name: 'n1' } };
  expect(workloadOf(static_)).toEqual({ kind: 'StaticPod', name: 'etcd' });
  expect(workloadOf({ ...pod, owner: null })).toEqual({ kind: 'Pod', name: 'p-1' });
});

test('reads the pods of a list', () => {
  const list = podList([
    { name: 'api-1', uid: UID('a'), ip: '10.0.0.1', containers: [{ name: 'api', id: ID('a') }] },
  ]);
  expect(readPodList(list)).toEqual({
    refused: 0,
    problem: null,
    pods: [
      {
        uid: UID('a'),
        name: 'api-1',
        namespace: 'shop',
        workload: { kind: 'Pod', name: 'api-1' },
        addresses: ['10.0.0.1'],
        containers: [
          { id: ID('a'), name: 'api', image: 'registry.example/api:1', digest: `sha256:${'d'.repeat(64)}` },
        ],
      },
    ],
  });
});

test('reads init and ephemeral containers, leaves out those not yet started, and addresses of the host', () => {
  const status = (name: string, containerID: string) => ({ name, image: 'i', imageID: '', containerID });
  const item = {
    metadata: {
      name: 'a',
      namespace: 'b',
      uid: 'u',
      annotations: { 'kubernetes.io/config.hash': 'cd'.repeat(16) },
    },
    spec: { hostNetwork: true },
    status: {
      podIPs: [{ ip: '192.168.0.1' }],
      initContainerStatuses: [status('init', `cri-o://${ID('1')}`)],
      containerStatuses: [status('main', '')],
      ephemeralContainerStatuses: [status('debug', `docker://${ID('2')}`)],
    },
  };
  const [read] = readPodList(JSON.stringify({ items: [item] })).pods;
  expect(read?.containers.map(({ name, id }) => [name, id])).toEqual([
    ['init', ID('1')],
    ['debug', ID('2')],
  ]);
  expect([read?.uid, read?.addresses]).toEqual(['cd'.repeat(16), []]);
});

test('leaves out and counts pods with hostile names, and keeps the others', () => {
  const good = { name: 'ok', uid: UID('a'), containers: [] };
  const list = podList([
    { ...good, name: 'a\u001b[2J' },
    { ...good, name: 'x'.repeat(254) },
    { ...good, namespace: '../..' },
    { ...good, uid: 'a/b' },
    good,
  ]);
  const { pods, refused, problem } = readPodList(list);
  expect([pods.map(({ name }) => name), refused, problem]).toEqual([['ok'], 4, null]);
});

test('says why a text is no list of pods', () => {
  expect(readPodList('<html>').problem).toMatch(/^not JSON: /);
  expect(readPodList('[]').problem).toBe('not a PodList: it has no items');
  expect(readPodList('{"kind":"PodList","items":null}').problem).toBeNull();
});

test('keeps labels that name something, not those that tell revisions apart or are no labels', () => {
  const labels = {
    app: 'api',
    'a.example/tier': '',
    'pod-template-hash': 'abc',
    'bad name': 'x',
    long: 'x'.repeat(64),
  };
  const pod = { metadata: { uid: 'u1', name: 'p', namespace: 'n', labels }, spec: {}, status: {} };
  const { pods } = readPodList(JSON.stringify({ kind: 'PodList', items: [pod] }));

  expect(pods[0]?.labels).toEqual({ app: 'api', 'a.example/tier': '' });
});

test('a container that ended and was begun anew is known by both of its ids', () => {
  const [now, before] = [`containerd://${ID('b')}`, `containerd://${ID('c')}`];
  const status = {
    name: 'api',
    image: 'i',
    imageID: '',
    containerID: now,
    state: { terminated: { containerID: now } },
    lastState: { terminated: { containerID: before, reason: 'Error' } },
  };
  const item = {
    metadata: { name: 'a', namespace: 'b', uid: UID('a') },
    status: { containerStatuses: [status] },
  };
  const { pods } = readPodList(JSON.stringify({ items: [item] }));
  expect(pods[0]?.containers.map(({ id, name }) => [id, name])).toEqual([
    [ID('b'), 'api'],
    [ID('c'), 'api'],
  ]);
});
