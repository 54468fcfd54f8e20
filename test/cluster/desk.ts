/** A workload that sleeps, and what is asked of it from inside: for steps that want one of their own. */
import { BUSYBOX_IMAGE } from './archive.ts';
import type { Cluster } from './cluster.ts';
import { until } from './command.ts';
import { incidents, picket } from './release.ts';

export interface Desk {
  readonly namespace: string;
  readonly pods: readonly string[];
  /** A shell's words in one of its pods; what they print. */
  does(pod: string, words: string): Promise<string>;
  /** Whether the API server's port answers, which is not the pod's own: yes or no. */
  reaches(pod: string): Promise<string>;
  /** Reads the password hashes in each pod, and waits until incidents have them all. */
  attacked(): Promise<void>;
}

/** In a namespace of its own, where it is the Deployment `desk`. */
export async function deployDesk(cluster: Cluster, namespace: string, replicas: number): Promise<Desk> {
  const labels = { app: 'desk' };
  const container = {
    name: 'desk',
    image: BUSYBOX_IMAGE,
    imagePullPolicy: 'Never',
    command: ['/bin/sh', '-c', "trap 'exit 0' TERM; while true; do sleep 1 & wait $!; done"],
  };
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'desk', namespace },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { terminationGracePeriodSeconds: 2, containers: [container] },
        },
      },
    },
  );
  await cluster.kubectl(['rollout', 'status', 'deployment/desk', '-n', namespace, '--timeout=180s']);
  const named = ['-n', namespace, '-l', 'app=desk', '-o', 'jsonpath={.items[*].metadata.name}'];
  const pods = (await cluster.kubectl(['get', 'pods', ...named])).split(' ').sort();
  const does = (pod: string, words: string): Promise<string> =>
    cluster.kubectl(['exec', '-n', namespace, pod, '--', 'sh', '-c', words]);
  const isKnown = async (): Promise<boolean> => {
    const text = await picket(cluster, 'agent', ['containers', '--json']);
    const { containers } = JSON.parse(text) as { containers: { pod: string; name: string }[] };
    return pods.every((pod) => containers.some((one) => one.pod === pod && one.name === 'desk'));
  };
  const attacked = async (): Promise<void> => {
    await until(`the agent knows ${namespace}`, isKnown);
    for (const pod of pods) await does(pod, 'cat /etc/shadow');
    await until(`incidents with ${namespace}`, async () => {
      const involved = (await incidents(cluster)).flatMap((one) => one['involved'] as { pod: string }[]);
      return pods.every((pod) => involved.some((one) => one.pod === pod));
    });
  };
  return {
    ...{ namespace, pods, does, attacked },
    reaches: async (pod) =>
      (await does(pod, 'nc -w 3 10.96.0.1 443 </dev/null && echo yes || echo no')).trim(),
  };
}
