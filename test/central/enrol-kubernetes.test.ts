import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Enrolled } from '../../agent/uplink/files.ts';
import { Membership } from '../../agent/uplink/membership.ts';
import { ENROL_PERMISSIONS } from '../../central/ingest/token-review.ts';
import { permissionLines } from '../../kit/kube/permission.ts';
import { FakeKubeApi } from '../fakes/kube-api.ts';
import type { Json } from '../fakes/kube-store.ts';
import { startCentral, type TestCentral, temporaryFolder } from './harness.ts';

const AGENTS = 'system:serviceaccount:picket:picket-agent';
const K = 'authentication.kubernetes.io/';
const UID = '11111111-2222-4333-8444-555555555555';

let api: FakeKubeApi;
let folder: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
/** Who the tokens belong to, as TokenReview has it. */
let tokens: Record<string, Json>;

beforeEach(async () => {
  api = await new FakeKubeApi().up();
  tokens = {
    'of-node-7': { username: AGENTS, extra: { [`${K}node-name`]: ['node-7'] } },
    'of-an-older-cluster': {
      username: AGENTS,
      extra: { [`${K}pod-name`]: ['agent-x'], [`${K}pod-uid`]: [UID] },
    },
    'of-a-stranger': {
      username: 'system:serviceaccount:shop:default',
      extra: { [`${K}node-name`]: ['node-7'] },
    },
    'of-no-pod': { username: AGENTS },
  };
  api.review = (token, audiences) => (audiences.includes('picket') ? (tokens[token] ?? null) : null);
  folder = temporaryFolder();
});
afterEach(async () => {
  await central.stop();
  expect(api.violations).toEqual([]);
  await api.stop();
  folder.remove();
});

const start = async (flags: Record<string, string> = {}): Promise<void> => {
  const kubernetes = { kubernetes: api.url, 'kubernetes-ca-file': api.caFile, 'custom-resources': 'false' };
  central = await startCentral({ folder: folder.path, flags: { ...kubernetes, ...flags } });
};
const subject = (certificate: string): string => new X509Certificate(certificate).subject.replace('\n', ' ');
const enrolWith = (serviceAccountToken: unknown, node = 'node-7', more = {}): Promise<string> =>
  central.enrol(node, { token: undefined, serviceAccountToken, ...more }).then(
    ({ certificate }) => subject(certificate),
    ({ code, message }) => `${code} ${message}`,
  );

describe('enrolment by service-account token', () => {
  test('binds the certificate to the node that the token names', async () => {
    await start();
    expect(await enrolWith('of-node-7')).toBe('CN=node-7 O=local');
    expect(await enrolWith('of-node-7', 'node-8')).toMatch(/^PICKET_IDENTITY node: "node-8" is not "node-7"/);
  });

  test('of a token that names only its pod it asks where that runs', async () => {
    const put = (uid: string): void => {
      api.remove('/api/v1/pods', 'picket', 'agent-x');
      api.put('/api/v1/pods', {
        metadata: { name: 'agent-x', namespace: 'picket' },
        spec: { nodeName: 'node-9' },
      });
      const pod = api.object('/api/v1/pods', 'picket', 'agent-x');
      if (pod !== null) pod.metadata.uid = uid;
    };
    await start();
    expect(await enrolWith('of-an-older-cluster', 'node-9')).toMatch(/PICKET_TOKEN .*gone/);
    put(UID);
    expect(await enrolWith('of-an-older-cluster', 'node-9')).toBe('CN=node-9 O=local');
    put('another');
    expect(await enrolWith('of-an-older-cluster', 'node-9')).toMatch(/PICKET_TOKEN .*gone/);
  });

  test.each([
    ['a stranger', 'of-a-stranger', /PICKET_TOKEN .*no service account of agents/],
    ['no pod', 'of-no-pod', /PICKET_TOKEN .*bound to no pod/],
    ['nobody', 'made-up', /PICKET_TOKEN .*not of this cluster/],
    ['a number', 7, /PICKET_TOKEN .*not a token/],
  ])('refuses a token of %s', async (_, token, expected) => {
    await start();
    expect(await enrolWith(token)).toMatch(expected);
  });

  test('refuses a token that may be for anybody', async () => {
    await start();
    // As a server that knows no audiences: the answer has none.
    api.knowsAudiences = false;
    expect(await enrolWith('of-node-7')).toMatch(/PICKET_TOKEN .*audience/);
  });

  test('an API server that cannot be asked is a reason to come again', async () => {
    await start();
    api.fault = ({ path }) => (path.endsWith('tokenreviews') ? { status: 403, reason: 'Forbidden' } : null);
    const error = await central
      .enrol('node-7', { token: undefined, serviceAccountToken: 'of-node-7' })
      .catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ status: 503, code: 'PICKET_KUBERNETES' });
  });

  test('the join token is for machines without Kubernetes, and can be switched off', async () => {
    await start();
    await central.enrol('laptop');
    await central.stop();
    await start({ 'join-token': 'false' });
    await expect(central.enrol('laptop')).rejects.toMatchObject({ code: 'PICKET_TOKEN' });
    expect(await enrolWith('of-node-7')).toBe('CN=node-7 O=local');
  });

  test('a further cluster’s agents are asked for there', async () => {
    const east = join(folder.path, 'east');
    mkdirSync(east);
    writeFileSync(join(east, 'server'), `${api.url}\n`);
    writeFileSync(join(east, 'token'), 'central');
    copyFileSync(api.caFile, join(east, 'ca.crt'));
    await start({ kubernetes: 'off', 'further-clusters': `east=${east}` });
    expect(await enrolWith('of-node-7', 'node-7', { cluster: 'east' })).toBe('CN=node-7 O=east');
    expect(await enrolWith('of-node-7', 'node-7', { cluster: 'west' })).toMatch(
      /PICKET_IDENTITY cluster: no API/,
    );
    expect(api.asked.map(({ token }) => token)).toEqual(['central']);
  });

  test('asks for no more than it says', async () => {
    await start();
    await enrolWith('of-an-older-cluster');
    const asked = api.asked.map(
      ({ verb, path }) =>
        `${verb} ${path.includes('/pods/') ? 'pods' : 'tokenreviews.authentication.k8s.io'}`,
    );
    expect([...new Set(asked)].sort()).toEqual(permissionLines(ENROL_PERMISSIONS));
  });
});

test('an agent shows its service-account token, as its file has it then', async () => {
  await start({ 'join-token': 'false' });
  const [state, accountTokenFile] = [join(folder.path, 'agent-state'), join(folder.path, 'account-token')];
  mkdirSync(state);
  const enrolled: Enrolled[] = [];
  const member = new Membership({
    url: central.ready.agents,
    cluster: 'local',
    node: 'node-7',
    folder: state,
    caFile: central.ready.files.ca,
    joinTokenFile: '',
    accountTokenFile,
    wallMs: Date.now,
    onEnrolled: async (found) => void enrolled.push(found),
    log: () => undefined,
    onError: () => undefined,
  });
  writeFileSync(accountTokenFile, 'ran-out');
  member.start();
  await vi.waitFor(() => expect(member.failures.get('PICKET_TOKEN')).toBe(1), { timeout: 30_000 });
  writeFileSync(accountTokenFile, 'of-node-7\n');
  await vi.waitFor(
    () => expect(enrolled.map(({ certificate }) => subject(certificate))).toEqual(['CN=node-7 O=local']),
    {
      timeout: 30_000,
    },
  );
  await member.stop();
});
