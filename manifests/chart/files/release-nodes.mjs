// Run once before the release goes: each agent is replaced by a pod that takes off its node what was pinned there, and
// Containments lose the finalizer that central would have taken away.
import { readFileSync } from 'node:fs';

const { API_URL, TOKEN_FILE, NAMESPACE, DAEMON_SET, LIMIT_S, FREE_LIMIT_S = '30' } = process.env;
const daemonSet = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/${DAEMON_SET}`;
const containments = '/apis/picket.dev/v1alpha1';
const FINALIZER = 'picket.dev/release';
const last = Date.now() + Number(LIMIT_S) * 1000;

const second = () => new Promise((resolve) => setTimeout(resolve, 1000));

/** Somebody wrote it meanwhile. */
const isConflict = ({ status }) => status === 409;

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
  if (!reply.ok) {
    const error = new Error(`${method} ${path}: status ${reply.status} ${await reply.text()}`);
    throw Object.assign(error, { status: reply.status });
  }
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
  const change = {
    spec: {
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '100%' } },
      template: { spec: { initContainers: [unpinning(agent)], containers: [wait] } },
    },
  };
  for (;;) {
    try {
      return await ask('PATCH', daemonSet, change);
    } catch (error) {
      if (!isConflict(error) || Date.now() > last) throw error;
    }
    await second();
  }
}

/** Null where the kind itself is gone. */
async function page(from) {
  const after = from === '' ? '' : `&continue=${encodeURIComponent(from)}`;
  return ask('GET', `${containments}/containments?limit=100${after}`);
}

/** Whether it was: not where central wrote it meanwhile. */
async function free({ namespace, name, resourceVersion, finalizers }) {
  const left = finalizers.filter((one) => one !== FINALIZER);
  const path = `${containments}/namespaces/${namespace}/containments/${name}`;
  try {
    await ask('PATCH', path, { metadata: { resourceVersion, finalizers: left } });
    return true;
  } catch (error) {
    if (!isConflict(error)) throw error;
    return false;
  }
}

/** How many were let go, and whether all were. */
async function letGo() {
  let [count, all, from] = [0, true, ''];
  do {
    const found = await page(from);
    for (const { metadata } of found?.items ?? [])
      if (metadata.finalizers?.includes(FINALIZER)) {
        if (await free(metadata)) count += 1;
        else all = false;
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
    await second();
  }
}

// Last: until then central looks after them. A time of its own, as nodes that are down may have used up theirs.
const end = Date.now() + Number(FREE_LIMIT_S) * 1000;
let all = await letGo();
while (!all && Date.now() < end) {
  await second();
  all = await letGo();
}
if (!all) {
  console.log(`some are written all the time: ${FREE_LIMIT_S} s were not enough to let all go`);
  process.exitCode = 1;
}
