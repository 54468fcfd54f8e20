// Run once before the release goes: each agent is replaced by a pod that takes off its node what was pinned there, and
// Containments lose the finalizer that central would have taken away.
import { readFileSync } from 'node:fs';

const { API_URL, TOKEN_FILE, NAMESPACE, DAEMON_SET, LIMIT_S } = process.env;
const daemonSet = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/${DAEMON_SET}`;
const containments = '/apis/picket.dev/v1alpha1';
const FINALIZER = 'picket.dev/release';
const CHANGED = 'changed';
const last = Date.now() + Number(LIMIT_S) * 1000;

async function ask(method, path, body) {
  const headers = {
    authorization: `Bearer ${readFileSync(TOKEN_FILE, 'utf8').trim()}`,
    accept: 'application/json',
    'content-type': 'application/merge-patch+json',
  };
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const reply = await fetch(`${API_URL}${path}`, {
    method,
    headers,
    signal: AbortSignal.timeout(10_000),
    ...text,
  });
  if (reply.status === 404) return null;
  // Central wrote it meanwhile.
  if (reply.status === 409) return CHANGED;
  if (!reply.ok) throw new Error(`${method} ${path}: status ${reply.status} ${await reply.text()}`);
  return reply.json();
}

/** The agent's own container, with what it may do, for another command. */
function unpinning({ args, startupProbe, livenessProbe, readinessProbe, ...container }) {
  return { ...container, name: 'unpin', args: ['unpin', ...args.slice(1)] };
}

async function replace(set) {
  const { containers } = set.spec.template.spec;
  const agent = containers.find(({ name }) => name === 'agent');
  // Ready once its init container has ended well.
  const wait = {
    name: 'done',
    image: agent.image,
    imagePullPolicy: agent.imagePullPolicy,
    command: ['/bin/sh', '-c', 'trap "exit 0" TERM; sleep infinity & wait'],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    resources: { requests: { cpu: '1m', memory: '8Mi' }, limits: { memory: '16Mi' } },
  };
  await ask('PATCH', daemonSet, {
    spec: {
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
      template: { spec: { initContainers: [unpinning(agent)], containers: [wait] } },
    },
  });
}

/** Null where the kind itself is gone. */
async function page(from) {
  const after = from === '' ? '' : `&continue=${encodeURIComponent(from)}`;
  return ask('GET', `${containments}/containments?limit=100${after}`);
}

async function free({ namespace, name, resourceVersion, finalizers }) {
  const left = finalizers.filter((one) => one !== FINALIZER);
  const path = `${containments}/namespaces/${namespace}/containments/${name}`;
  return ask('PATCH', path, { metadata: { resourceVersion, finalizers: left } });
}

/** How many were let go, and whether all were. */
async function letGo() {
  let [count, all, from] = [0, true, ''];
  do {
    const found = await page(from);
    for (const { metadata } of found?.items ?? [])
      if (metadata.finalizers?.includes(FINALIZER)) {
        if ((await free(metadata)) === CHANGED) all = false;
        else count += 1;
      }
    from = found?.metadata?.continue ?? '';
  } while (from !== '');
  console.log(`${count} containments can be deleted`);
  return all;
}

const set = await ask('GET', daemonSet);
if (set !== null) {
  await replace(set);
  let words = '';
  while (true) {
    const { metadata, status } = await ask('GET', daemonSet);
    const {
      desiredNumberScheduled: wanted = 0,
      updatedNumberScheduled: updated = 0,
      numberReady: ready = 0,
    } = status;
    const seen = status.observedGeneration >= metadata.generation;
    if (seen && updated === wanted && ready === wanted) {
      console.log(`nothing of picket is pinned on ${wanted} nodes`);
      break;
    }
    const now = `${Math.min(ready, updated)} of ${wanted} nodes`;
    if (now !== words) console.log(now);
    words = now;
    // A node that is down must not keep the release: what is pinned there ends with its leases.
    if (Date.now() > last) {
      console.log(`given up after ${LIMIT_S} s: ${now}; on the others what is pinned ends with its leases`);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

// Last: until then central looks after them.
while (!(await letGo()) && Date.now() < last) await new Promise((resolve) => setTimeout(resolve, 1000));
