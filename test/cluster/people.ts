/** Who is told: the other ends of the release's notifiers, on the node, where pods reach them. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpReceiver, httpReceiver, type MailReceiver, mailReceiver } from '../fakes/receivers.ts';
import { debianRoot } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { until } from './command.ts';
import { NODE_ADDRESS } from './machine.ts';

/** The cluster has a network of its own: nobody else is on these ports. */
const PORTS = { slack: 18081, pagerduty: 18082, mail: 18025, alertmanager: 19093 };
const at = (port: number): { host: string; port: number } => ({ host: NODE_ADDRESS, port });

/** The Secret that the release mounts. */
export const SECRETS = { slack: 'xoxb-of-a-test', pagerduty: 'key-of-a-test', mail: 'password-of-a-test' };

const notifier = (name: string, type: string, target: object): object => ({
  apiVersion: 'picket.dev/v1alpha1',
  kind: 'PicketNotifier',
  metadata: { name },
  spec: { type, target },
});
const secret = (name: keyof typeof SECRETS): string => `/etc/picket/secrets/${name}`;

/** As central reads them; JSON is YAML. */
export const NOTIFY_DOCUMENTS = [
  notifier('chat', 'slack', {
    channel: '#security',
    tokenFile: secret('slack'),
    api: `http://${NODE_ADDRESS}:${PORTS.slack}/api`,
  }),
  notifier('page', 'pagerduty', {
    routingKeyFile: secret('pagerduty'),
    url: `http://${NODE_ADDRESS}:${PORTS.pagerduty}`,
  }),
  notifier('mail', 'email', {
    host: NODE_ADDRESS,
    port: PORTS.mail,
    security: 'starttls',
    user: 'anna',
    passwordFile: secret('mail'),
    from: 'picket@example.org',
    to: ['on-call@example.org'],
    // The cluster's own authority, which signed the mail server below.
    caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
  }),
  notifier('alerts', 'alertmanager', { url: `http://${NODE_ADDRESS}:${PORTS.alertmanager}` }),
]
  .map((document) => JSON.stringify(document))
  .join('\n---\n');

/** The folder of Debian's Alertmanager; inside the cluster, which has another /var/lib, no package can be fetched. */
export const alertmanagerRoot = (): Promise<string> => debianRoot(['prometheus-alertmanager']);

/** Debian's, as it comes. */
export interface Alertmanager {
  /** Labels of what fires now. */
  firing(): Promise<Record<string, string>[]>;
  stop(): Promise<void>;
}

async function startAlertmanager(): Promise<Alertmanager> {
  const root = await alertmanagerRoot();
  // It reads its templates from where the package would have put them.
  const enter = 'mount -t overlay overlay -o "lowerdir=$0/usr/share:/usr/share" /usr/share && exec "$@"';
  const unshared = ['--mount', '--propagation', 'private', 'sh', '-c', enter, root];
  const program = join(root, 'usr/bin/prometheus-alertmanager');
  const folder = mkdtempSync(join(tmpdir(), 'picket-alertmanager-'));
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ route: { receiver: 'nobody' }, receivers: [{ name: 'nobody' }] }));
  const flags = [`--config.file=${config}`, `--storage.path=${folder}`, '--cluster.listen-address='];
  const origin = `http://${NODE_ADDRESS}:${PORTS.alertmanager}`;
  const argv = [...unshared, program, ...flags, `--web.listen-address=${new URL(origin).host}`];
  const child = spawn('unshare', argv, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await until('alertmanager ready', async () => (await fetch(`${origin}/-/ready`)).ok).catch(
    async (error: unknown) => {
      await stop();
      throw error;
    },
  );
  return {
    firing: async () => {
      const alerts = (await (await fetch(`${origin}/api/v2/alerts`)).json()) as {
        labels: Record<string, string>;
      }[];
      return alerts.map(({ labels }) => labels);
    },
    stop,
  };
}

export interface People {
  readonly chat: HttpReceiver;
  readonly page: HttpReceiver;
  readonly mail: MailReceiver;
  readonly alerts: Alertmanager;
  close(): Promise<void>;
}

/** Slack and PagerDuty say yes to what their documents call right, and to nothing else. */
export async function startPeople(cluster: Cluster): Promise<People> {
  const key = (name: string): string => readFileSync(join(cluster.folder, 'pki', name), 'utf8');
  const alerts = await startAlertmanager();
  const chat = await httpReceiver(({ path, headers, body }) => {
    const { channel, text } = JSON.parse(body) as { channel?: string; text?: string };
    const right =
      path === '/api/chat.postMessage' &&
      headers.authorization === `Bearer ${SECRETS.slack}` &&
      channel === '#security' &&
      typeof text === 'string';
    return right
      ? [200, '{"ok":true,"ts":"1.2","channel":"C1"}']
      : [200, '{"ok":false,"error":"invalid_arguments"}'];
  }, at(PORTS.slack));
  const page = await httpReceiver(({ path, body }) => {
    const { routing_key, event_action, dedup_key, payload } = JSON.parse(body) as Record<string, unknown>;
    const right =
      path === '/v2/enqueue' &&
      routing_key === SECRETS.pagerduty &&
      typeof dedup_key === 'string' &&
      (event_action !== 'trigger' ||
        (typeof payload === 'object' && payload !== null && 'summary' in payload));
    return right ? [202, '{"status":"success"}'] : [400, '{"status":"invalid event"}'];
  }, at(PORTS.pagerduty));
  const mail = await mailReceiver({
    security: 'starttls',
    pair: { key: key('apiserver.key'), certificate: key('apiserver.crt') },
    password: SECRETS.mail,
    place: at(PORTS.mail),
  });
  const close = async (): Promise<void> => {
    await Promise.all([chat.close(), page.close(), mail.close(), alerts.stop()]);
  };
  return { chat, page, mail, alerts, close };
}
