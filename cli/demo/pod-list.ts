/** Pods of the sandbox as a Kubernetes PodList: each owned by a ReplicaSet of a Deployment named as the container. */
import { createHash } from 'node:crypto';

export interface PodFacts {
  readonly id: string;
  readonly podUid: string;
  readonly address: string;
  readonly name: string;
  readonly namespace: string;
}

const short = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/** Pod name as a Deployment would give it. */
export function podName(facts: PodFacts): string {
  return `${facts.name}-${templateHash(facts)}-${short(facts.podUid, 5)}`;
}

const templateHash = (facts: PodFacts): string => short(`${facts.namespace}/${facts.name}`, 10);

function pod(facts: PodFacts, node: string): object {
  const hash = templateHash(facts);
  const image = `registry.example/demo/${facts.name}:1`;
  return {
    metadata: {
      name: podName(facts),
      namespace: facts.namespace,
      uid: facts.podUid,
      labels: { app: facts.name, 'pod-template-hash': hash },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${facts.name}-${hash}`,
          uid: short(hash, 32),
          controller: true,
        },
      ],
    },
    spec: { nodeName: node, containers: [{ name: facts.name, image }] },
    status: {
      phase: 'Running',
      podIP: facts.address,
      qosClass: 'Burstable',
      containerStatuses: [
        {
          name: facts.name,
          containerID: `containerd://${facts.id}`,
          image,
          imageID: `registry.example/demo/${facts.name}@sha256:${createHash('sha256').update(image).digest('hex')}`,
          ready: true,
          restartCount: 0,
          state: { running: {} },
        },
      ],
    },
  };
}

export function podList(pods: readonly PodFacts[], node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'PodList',
    metadata: { resourceVersion: String(pods.length + 1) },
    items: pods.map((facts) => pod(facts, node)),
  };
}
