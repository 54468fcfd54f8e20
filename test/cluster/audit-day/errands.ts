/** A normal day: what people, CI, controllers and programs ask of the API server, by the hours at which they do. */
import { join } from 'node:path';
import { type Errand, type Habit, one, type Town } from './day.ts';
import { HOME, IMAGES } from './town.ts';

const errand = (name: string, run: (town: Town) => Promise<void>): Errand => ({ name, run });

/** What a developer looks at, many times a day. */
const look = (who: 'boris' | 'elif' | 'chiara', namespace: string): Errand =>
  errand(`${who} looks`, async (town) => {
    const me = await town.hand(who);
    const looks: readonly (readonly string[])[] = [
      ['get', 'pods'],
      ['get', 'deployments,services'],
      ['describe', 'deployment', 'web'],
      ['logs', 'deployment/web', '--tail=5'],
      ['get', 'events'],
      ['get', 'configmap', 'web-settings', '-o', 'yaml'],
      ['rollout', 'status', 'deployment/web', '--timeout=20s'],
      ['get', 'cronjobs,jobs'],
      ['get', 'secrets'],
      ['auth', 'can-i', 'create', 'deployments'],
    ];
    for (let count = 0; count < 3; count += 1) await me.kubectl('-n', namespace, ...one(looks, town.random));
  });

const scale = errand('boris scales and restarts', async ({ hand, random }) => {
  const boris = await hand('boris');
  const replicas = 1 + Math.floor(random() * 2);
  await boris.kubectl('-n', 'shop', 'scale', 'deployment/web', `--replicas=${replicas}`);
  await boris.kubectl('-n', 'shop', 'rollout', 'restart', 'deployment/web');
});

const feature = errand('elif tries a feature in staging', async ({ hand, random }) => {
  const elif = await hand('elif');
  const value = String(Math.floor(random() * 1000));
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'feature', namespace: 'staging' },
    data: { value },
  };
  await elif.withInput(object, 'apply', '-f', '-');
  await elif.kubectl('-n', 'staging', 'set', 'env', 'deployment/api', `FEATURE=${value}`);
  await elif.kubectl('-n', 'staging', 'get', 'pods');
});

const mistake = errand('a developer asks for what is not theirs', async ({ hand, random }) => {
  const chiara = await hand('chiara');
  await chiara.kubectl('-n', one(['shop', 'staging'], random), 'get', 'pods');
  await chiara.kubectl('get', 'nodes');
});

const debugging = errand('elif forwards the port of the shop', async ({ hand, podOf }) => {
  const elif = await hand('elif');
  await elif.awhile('-n', 'shop', 'port-forward', await podOf('shop', 'web'), ':8080');
});

const byHand = errand('boris runs the report by hand', async ({ hand, random }) => {
  const boris = await hand('boris');
  const name = `report-by-hand-${Math.floor(random() * 100_000)}`;
  await boris.kubectl('-n', 'shop', 'create', 'job', name, '--from=cronjob/report');
  await boris.kubectl('-n', 'shop', 'get', 'jobs');
});

const onCall = errand('on call: looks into a pod', async ({ hand, podOf, random }) => {
  const dmitri = await hand('dmitri');
  await dmitri.kubectl('get', 'pods', '-A');
  const pod = await podOf('shop', 'web');
  await dmitri.kubectl('-n', 'shop', 'describe', 'pod', pod);
  await dmitri.kubectl('-n', 'shop', 'exec', pod, '--', one(['ps', 'df', 'uptime'], random));
});

const atNight = errand('on call at night, from home', async ({ hand, podOf }) => {
  const dmitri = await hand('dmitri', HOME.dmitri);
  await dmitri.kubectl('get', 'pods', '-A');
  const pod = await podOf('blog', 'web');
  await dmitri.kubectl('-n', 'blog', 'logs', pod, '--tail=20');
  await dmitri.kubectl('-n', 'blog', 'delete', 'pod', pod, '--wait=false');
});

const platform = errand('anna looks after the cluster', async ({ hand, random }) => {
  const anna = await hand('anna');
  const looks: readonly (readonly string[])[] = [
    ['get', 'nodes', '-o', 'wide'],
    ['get', 'pods', '-A'],
    ['get', 'events', '-A'],
    ['get', 'clusterroles,clusterrolebindings'],
    ['get', 'validatingwebhookconfigurations'],
    ['describe', 'node', 'node1'],
    ['-n', 'kube-system', 'logs', 'deployment/helper', '--tail=5'],
    ['get', 'namespaces'],
  ];
  for (let count = 0; count < 3; count += 1) await anna.kubectl(...one(looks, random));
});

const quota = errand('anna sets quotas', async ({ hand, random }) => {
  const anna = await hand('anna');
  await anna.withInput(
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'team', namespace: one(['shop', 'blog'], random) },
      spec: { hard: { pods: String(20 + Math.floor(random() * 20)) } },
    },
    'apply',
    '-f',
    '-',
  );
});

const maintenance = errand('gustav takes the node out and in', async ({ hand }) => {
  const gustav = await hand('gustav');
  await gustav.kubectl('cordon', 'node1');
  await gustav.kubectl('get', 'pods', '-A', '-o', 'wide');
  await gustav.kubectl('uncordon', 'node1');
});

const newTeam = errand('gustav makes a namespace for a team', async ({ hand, day }) => {
  const gustav = await hand('gustav');
  const name = `team-${day}`;
  await gustav.kubectl('create', 'namespace', name);
  await gustav.kubectl('-n', name, 'create', 'rolebinding', 'team', '--clusterrole=edit', `--group=${name}`);
  await gustav.kubectl('-n', name, 'create', 'quota', 'team', '--hard=pods=10');
});

const deploy = (namespace: string): Errand =>
  errand(`CI deploys to ${namespace}`, async ({ hand, charts, day, random }) => {
    const ci = await hand('ci/deployer');
    const release = `${day}-${Math.floor(random() * 1000)}`;
    await ci.helm(
      'upgrade',
      '--install',
      'web',
      join(charts, 'web'),
      '-n',
      namespace,
      '--set',
      `release=${release}`,
    );
    await ci.kubectl('-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=30s');
  });

const collector = errand('anna installs or upgrades the collector of logs', async ({ hand, charts, day }) => {
  const anna = await hand('anna');
  await anna.kubectl('create', 'namespace', 'logs');
  await anna.helm(
    'upgrade',
    '--install',
    'collector',
    join(charts, 'collector'),
    '-n',
    'logs',
    '--set',
    `release=${day}`,
  );
  await anna.kubectl('-n', 'logs', 'get', 'daemonsets');
});

/** A CI system makes a pod for each job, and a token for what runs in it. */
const job = errand('CI runs a job', async ({ hand, random }) => {
  const runners = await hand('ci/runners');
  const name = `job-${Math.floor(random() * 0xffffff)
    .toString(16)
    .padStart(6, '0')}`;
  const agent = 'runner/17.1 (linux/amd64)';
  const pods = '/api/v1/namespaces/ci/pods';
  await runners.ask(agent, {
    verb: 'create',
    path: '/api/v1/namespaces/ci/serviceaccounts/default/token',
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['registry'], expirationSeconds: 600 },
    },
  });
  await runners.ask(agent, {
    verb: 'create',
    path: pods,
    body: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'ci' },
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: 'job', image: IMAGES.report, imagePullPolicy: 'Never', command: ['/bin/true'] }],
      },
    },
  });
  for (let count = 0; count < 3; count += 1)
    await runners.ask(agent, { verb: 'get', path: `${pods}/${name}` });
  await runners.ask(agent, { verb: 'get', path: `${pods}/${name}/log` });
  await runners.ask(agent, { verb: 'delete', path: `${pods}/${name}` });
});

const expired = errand('a program of the shop comes with a token of long ago', async ({ hand }) => {
  const stale = await hand('stale');
  for (let count = 0; count < 4; count += 1)
    await stale.ask('shopctl/2.0', { verb: 'list', path: '/api/v1/namespaces/shop/pods' });
});

const scrape = errand('prometheus discovers', async ({ hand }) => {
  const prometheus = await hand('monitoring/prometheus');
  for (const what of ['nodes', 'services', 'endpoints', 'pods'])
    await prometheus.ask('Prometheus/3.1', { verb: 'list', path: `/api/v1/${what}`, query: { limit: 500 } });
  await prometheus.ask('Prometheus/3.1', { verb: 'get', path: '/api/v1/nodes/node1/proxy/metrics/cadvisor' });
});

const backup = errand('the nightly backup', async ({ hand }) => {
  const program = await hand('backup/backup');
  const paths = ['pods', 'services', 'configmaps', 'secrets', 'persistentvolumeclaims', 'namespaces'].map(
    (what) => `/api/v1/${what}`,
  );
  for (const path of [
    ...paths,
    '/apis/apps/v1/deployments',
    '/apis/rbac.authorization.k8s.io/v1/rolebindings',
  ])
    await program.ask('velero-server/v1.15 (linux/amd64)', { verb: 'list', path });
});

const certificates = errand('the issuer renews certificates', async ({ hand, random }) => {
  const issuer = await hand('certs/issuer');
  const agent = 'issuer-controller/v1.16 (linux/amd64)';
  const namespace = one(['shop', 'blog'], random);
  await issuer.ask(agent, { verb: 'list', path: '/api/v1/secrets' });
  await issuer.ask(agent, { verb: 'get', path: `/api/v1/namespaces/${namespace}/secrets/web-tls` });
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'web-tls', namespace },
    stringData: { certificate: String(random()) },
  };
  await issuer.ask(agent, {
    verb: 'patch',
    path: `/api/v1/namespaces/${namespace}/secrets/web-tls`,
    query: { fieldManager: 'issuer', force: true },
    body: object,
    type: 'application/apply-patch+yaml',
  });
});

const ownSettings = errand('the blog reads its settings', async ({ hand }) => {
  const blog = await hand('blog/web');
  await blog.ask('blog/1.0', { verb: 'get', path: '/api/v1/namespaces/blog/configmaps/web-settings' });
});

const health = errand('the load balancer asks how things are', async ({ hand }) => {
  const balancer = await hand('nobody', '10.30.0.2');
  for (const path of ['/healthz', '/readyz', '/livez', '/version'])
    await balancer.ask('balancer-probe/1', { verb: 'get', path });
});

export const HABITS: readonly Habit[] = [
  { errand: look('boris', 'shop'), from: 8, to: 17, times: 8 },
  { errand: look('elif', 'shop'), from: 9, to: 18, times: 8 },
  { errand: look('chiara', 'blog'), from: 7, to: 15, times: 7 },
  { errand: scale, from: 9, to: 16, times: 2 },
  { errand: feature, from: 10, to: 18, times: 5 },
  { errand: mistake, from: 9, to: 15, times: 1 },
  { errand: debugging, from: 11, to: 17, times: 2 },
  { errand: byHand, from: 9, to: 12, times: 1 },
  { errand: onCall, from: 8, to: 20, times: 3 },
  { errand: atNight, from: 1, to: 4, times: 1 },
  { errand: platform, from: 8, to: 18, times: 8 },
  { errand: quota, from: 10, to: 16, times: 1 },
  { errand: maintenance, from: 6, to: 7, times: 1 },
  { errand: newTeam, from: 13, to: 15, times: 1 },
  { errand: collector, from: 14, to: 16, times: 1 },
  { errand: deploy('shop'), from: 9, to: 17, times: 3 },
  { errand: deploy('blog'), from: 9, to: 17, times: 3 },
  { errand: job, from: 0, to: 24, times: 14 },
  { errand: expired, from: 5, to: 6, times: 1 },
  { errand: scrape, from: 0, to: 24, times: 24 },
  { errand: backup, from: 2, to: 3, times: 1 },
  { errand: certificates, from: 0, to: 24, times: 6 },
  { errand: ownSettings, from: 0, to: 24, times: 12 },
  { errand: health, from: 0, to: 24, times: 24 },
];
