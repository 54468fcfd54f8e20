/**
 * Whom the addresses of a cluster belong to: pods by their workload, services by their name, so that a peer stays who it was
 * when its addresses change. Watched once, here, for all nodes.
 */
import type { KubeClient } from '../../kit/kube/client.ts';
import { Mirror } from '../../kit/kube/mirror.ts';
import { ENDPOINT_SLICES, type KubeObject, PODS, type Resource, SERVICES } from '../../kit/kube/resource.ts';
import type { WatchTiming } from '../../kit/kube/watch.ts';
import { workloadOfPod } from '../../kit/kube/workload.ts';

export interface PeerObjectsParts {
  readonly cluster: string;
  readonly client: KubeClient;
  /** Address → `namespace/Kind/name`, from now on; `leftOut`: addresses that were too many. */
  readonly use: (cluster: string, peers: ReadonlyMap<string, string>, leftOut: number) => void;
  readonly onError: (error: unknown) => void;
  readonly timing?: WatchTiming | undefined;
}

interface Named {
  readonly key: string;
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Of one cluster; further ones are not known by name. */
const MAX_PODS = 20_000;
const MAX_SERVICES = 5000;
const MAX_SLICES = 10_000;
export const MAX_ADDRESSES = 20_000;
/** Of addresses and their names: every node is sent all of them, in one reply with the rest. */
export const MAX_BYTES = 2 * 1024 * 1024;
const MAX_NAME = 512;
/** Of one object. */
const MAX_OF_ONE = 100;
const ADDRESS = /^[0-9a-f.:]{2,45}$/;

type Json = Readonly<Record<string, unknown>>;
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const addressesOf = (found: readonly unknown[]): string[] =>
  [...new Set(found)]
    .filter((one): one is string => typeof one === 'string' && ADDRESS.test(one))
    .slice(0, MAX_OF_ONE);

function named({ metadata }: KubeObject, name: string, addresses: readonly string[]): Named | null {
  const key = metadata.uid ?? '';
  return key === '' || name.length > MAX_NAME ? null : { key, name, addresses };
}

/** One that has ended has given its address back, and one on the host's network has none of its own. */
function ofPod(pod: KubeObject): Named | null {
  const [spec, status] = [object(pod['spec']), object(pod['status'])];
  const owns = spec['hostNetwork'] !== true && !['Succeeded', 'Failed'].includes(String(status['phase']));
  const { kind, name } = workloadOfPod(pod);
  const addresses = owns ? list(status['podIPs']).map((one) => object(one)['ip']) : [];
  return named(pod, `${pod.metadata.namespace}/${kind}/${name}`, addressesOf(addresses));
}

function ofService(service: KubeObject): Named | null {
  const spec = object(service['spec']);
  const balancer = object(object(service['status'])['loadBalancer']);
  const outside = list(balancer['ingress']).map((one) => object(one)['ip']);
  const addresses = [...list(spec['clusterIPs']), ...list(spec['externalIPs']), ...outside];
  return named(service, serviceName(service, service.metadata.name ?? ''), addressesOf(addresses));
}

/** Endpoints that are no pods: what stands outside of the cluster, or on a node itself. */
function ofSlice(slice: KubeObject): Named | null {
  const service = slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
  const addresses = list(slice['endpoints'])
    .map(object)
    .filter(({ targetRef }) => object(targetRef)['kind'] !== 'Pod')
    .flatMap(({ addresses }) => list(addresses));
  return named(slice, serviceName(slice, service), service === '' ? [] : addressesOf(addresses));
}

const serviceName = ({ metadata }: KubeObject, name: string): string =>
  `${metadata.namespace}/Service/${name}`;

const KINDS: readonly (readonly [Resource, (object: KubeObject) => Named | null, number])[] = [
  [PODS, ofPod, MAX_PODS],
  [SERVICES, ofService, MAX_SERVICES],
  [ENDPOINT_SLICES, ofSlice, MAX_SLICES],
];

export class PeerObjects {
  readonly #parts: PeerObjectsParts;
  readonly #mirrors: readonly Mirror<Named>[];
  #changed = false;

  constructor(parts: PeerObjectsParts) {
    this.#parts = parts;
    const mark = (): void => {
      this.#changed = true;
    };
    this.#mirrors = KINDS.map(
      ([resource, reduce, maxObjects]) =>
        new Mirror<Named>({
          client: parts.client,
          query: { what: { resource }, reduce },
          keyOf: ({ key }) => key,
          maxObjects,
          listed: mark,
          changed: (change, item, before) => {
            if (change === 'DELETED' || JSON.stringify(item) !== JSON.stringify(before)) mark();
          },
          problem: parts.onError,
          timing: parts.timing,
        }),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#mirrors.map((mirror) => mirror.run(signal)));
  }

  get inStep(): boolean {
    return this.#mirrors.every((mirror) => mirror.inStep);
  }

  /** Told together what came together; not before all of it is known. */
  pass(): void {
    if (!this.#changed || !this.#mirrors.every((mirror) => mirror.known)) return;
    this.#changed = false;
    const { names, leftOut } = tableOf(this.#mirrors.map((mirror) => mirror.all()));
    this.#parts.use(this.#parts.cluster, names, leftOut);
  }
}

/** The first kind that has an address names it. One that two of a kind claim, as those of a node may be, names nobody. */
export function tableOf(kinds: readonly (readonly Named[])[]): {
  readonly names: ReadonlyMap<string, string>;
  readonly leftOut: number;
} {
  const names = new Map<string, string>();
  const beyond = new Set<string>();
  let bytes = 0;
  for (const kind of kinds) {
    const own = new Map<string, string | null>();
    for (const { name, addresses } of kind)
      for (const address of addresses) {
        const before = own.get(address);
        own.set(address, before === undefined || before === name ? name : null);
      }
    for (const [address, name] of own) {
      if (name === null || names.has(address) || beyond.has(address)) continue;
      const more = address.length + Buffer.byteLength(name);
      if (names.size < MAX_ADDRESSES && bytes + more <= MAX_BYTES) {
        names.set(address, name);
        bytes += more;
      } else beyond.add(address);
    }
  }
  return { names, leftOut: beyond.size };
}
