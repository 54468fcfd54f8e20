/** Whether the API server of this node's cluster tells the agent of its pods. */
import { KubeClient } from '../../kit/kube/client.ts';
import type { KubeConfig } from '../../kit/kube/config.ts';
import { KubeError } from '../../kit/kube/error.ts';
import { PODS } from '../../kit/kube/resource.ts';
import { type Check, ok, warn } from './check.ts';

const NAME = 'pods of this node';
const ANSWER_MS = 5000;
const COST = 'containers are known by their ids only: no baselines by workload, no names in alerts';

const ADVICE: Readonly<Record<string, string>> = {
  Forbidden: "bind the agent's ClusterRole to its service account",
  Unauthorized: 'see that the token is of this cluster and not run out',
  Credentials: 'name files that are there: kubernetes-token-file, kubernetes-ca-file',
};

/** `pods`: the setting; a list that is named there goes before the watch. */
export async function podsCheck({
  pods,
  kubernetes,
  node,
}: {
  pods: string;
  kubernetes: KubeConfig | null;
  node: string;
}): Promise<Check> {
  if (pods !== '') return ok(NAME, `read from ${pods}`);
  if (kubernetes === null) return ok(NAME, 'none: this is no pod of a cluster, and no API server is named');
  const client = new KubeClient(kubernetes, { userAgent: 'picket-doctor', answerMs: ANSWER_MS });
  try {
    const selection = { fieldSelector: `spec.nodeName=${node}`, resourceVersion: '0', pageSize: 0 };
    const { items } = await client.page({ resource: PODS }, selection);
    return items.length > 0
      ? ok(NAME, `${items.length} from ${kubernetes.url}`)
      : warn(
          NAME,
          `none on a node ${node}`,
          COST,
          "set node to the node's name in the cluster (spec.nodeName)",
        );
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return warn(
      NAME,
      error.message,
      COST,
      ADVICE[error.reason] ?? 'see that the API server can be reached from here',
    );
  } finally {
    await client.close();
  }
}
