/** Two workloads that talk: a server that gives back what it is sent, by TCP and UDP, and a client that keeps a connection open. */
import type { Cluster } from './cluster.ts';
import { until } from './command.ts';
import { IMAGE } from './image.ts';

export const PAIR = 'pair';
const PORT = 9000;

const SERVER = `
require('net').createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(${PORT});
const datagrams = require('dgram').createSocket('udp4');
datagrams.on('message', (bytes, from) => datagrams.send(bytes, from.port, from.address)).bind(${PORT});
process.on('SIGTERM', () => process.exit(0));
`;
/** Writes down when it last heard an answer on the connection that it has had since it started. */
const CLIENT = `
const socket = require('net').connect(${PORT}, process.env.PEER);
socket.on('data', () => require('fs').writeFileSync('/tmp/heard', String(Date.now()))).on('error', () => {});
setInterval(() => socket.writable && socket.write('x'), 200);
process.on('SIGTERM', () => process.exit(0));
`;
/** Prints answered or silent. */
const ASK = `
const [kind, peer] = process.argv.slice(1);
const tell = (word) => { console.log(word); process.exit(0); };
setTimeout(tell, 3000, 'silent');
if (kind === 'tcp') {
  const socket = require('net').connect(${PORT}, peer, () => socket.write('x'));
  socket.on('data', () => tell('answered')).on('error', () => tell('silent'));
} else {
  const socket = require('dgram').createSocket('udp4');
  socket.on('message', () => tell('answered')).on('error', () => tell('silent'));
  setInterval(() => socket.send('x', ${PORT}, peer, () => {}), 200);
}
`;

function deployment(name: string, script: string, env: readonly object[]): object {
  const labels = { app: name };
  const container = {
    name,
    image: `${IMAGE.repository}:${IMAGE.tag}`,
    imagePullPolicy: 'Never',
    command: ['node', '-e', script],
    env,
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: PAIR },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 2,
          containers: [container],
          volumes: [{ name: 'tmp', emptyDir: {} }],
        },
      },
    },
  };
}

/** What is in a pod of the pair, and how to ask from inside it. */
export interface Pair {
  /** Id of the client's container; its pod's name is also that of the pod's sandbox. */
  container(): Promise<string>;
  readonly peer: string;
  /** From a new process in the client. */
  ask(kind: 'tcp' | 'udp'): Promise<string>;
  /** How long ago, ms, the connection that is open was answered. */
  silentFor(): Promise<number>;
  /** Ends the client's container; the kubelet starts another in the same pod. */
  restart(): Promise<void>;
}

export async function deployPair(cluster: Cluster): Promise<Pair> {
  const fieldOf = async (app: string, field: string): Promise<string> =>
    cluster.kubectl(['get', 'pods', '-n', PAIR, '-l', `app=${app}`, '-o', `jsonpath={.items[0].${field}}`]);
  const rolledOut = (name: string): Promise<string> =>
    cluster.kubectl(['rollout', 'status', `deployment/${name}`, '-n', PAIR, '--timeout=180s']);
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: PAIR } },
    deployment('server', SERVER, []),
  );
  await rolledOut('server');
  const peer = await fieldOf('server', 'status.podIP');
  await cluster.apply(deployment('client', CLIENT, [{ name: 'PEER', value: peer }]));
  await rolledOut('client');
  const client = await fieldOf('client', 'metadata.name');
  const inside = (...command: string[]): Promise<string> =>
    cluster.kubectl(['exec', '-n', PAIR, client, '--', ...command]);
  const restarts = (): Promise<string> => fieldOf('client', 'status.containerStatuses[0].restartCount');
  return {
    container: async () => {
      const id = await fieldOf('client', 'status.containerStatuses[0].containerID');
      return id.replace('containerd://', '');
    },
    peer,
    ask: async (kind) => (await inside('node', '-e', ASK, kind, peer)).trim(),
    silentFor: async () => Number(await inside('date', '+%s%3N')) - Number(await inside('cat', '/tmp/heard')),
    restart: async () => {
      const before = await restarts();
      // Whoever ends the first process may go with its container.
      await inside('node', '-e', 'process.kill(1)').catch(() => {});
      await until('the container again', async () => (await restarts()) !== before);
      await rolledOut('client');
    },
  };
}
