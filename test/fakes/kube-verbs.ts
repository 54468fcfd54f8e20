/** The verbs of an API server on what it keeps: lists with pages, creation, patches, deletion with preconditions, eviction. */
import { type Json, jsonPatch, KubeStore, mergePatch, type Stored } from './kube-store.ts';
import { keyOf, Refusal, type Target } from './kube-target.ts';

export interface Written {
  readonly verb: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Of the body. */
  readonly type: string;
}

const fieldOf = (object: unknown, path: string): string =>
  String(path.split('.').reduce<unknown>((at, key) => (at as Json | undefined)?.[key], object) ?? '');

export function selected(query: URLSearchParams, object: Stored): boolean {
  const parts = (name: string): string[] => (query.get(name) ?? '').split(',').filter((part) => part !== '');
  const labels = (object.metadata['labels'] ?? {}) as Json;
  return (
    parts('labelSelector').every((part) => {
      const [name = '', value] = part.split('=');
      return value === undefined ? name in labels : labels[name] === value;
    }) &&
    parts('fieldSelector').every((part) => {
      const [name = '', value = ''] = part.split(/!?==?/);
      return (fieldOf(object, name) === value) !== part.includes('!=');
    })
  );
}

export class KubeVerbs {
  readonly store = new KubeStore();
  /** Pods whose disruption budget does not allow an eviction. */
  readonly protectedPods = new Set<string>();

  /** As another client would have it: `collection` such as `/api/v1/pods`. */
  put(collection: string, object: Json): Stored {
    const { name, namespace } = object['metadata'] as { name: string; namespace?: string };
    return this.store.put(collection, keyOf(collection, namespace, name), object);
  }
  remove(collection: string, namespace: string | null, name: string): void {
    this.store.remove(collection, keyOf(collection, namespace, name));
  }
  object(collection: string, namespace: string | null, name: string): Stored | null {
    return this.store.objects.get(keyOf(collection, namespace, name)) ?? null;
  }
  all(collection: string): Stored[] {
    return [...this.store.objects]
      .filter(([key]) => key.startsWith(`${collection}|`))
      .map(([, object]) => object);
  }

  list(query: URLSearchParams, target: Target): Json {
    const all = this.all(target.collection).filter(
      (object) =>
        (target.namespace === null || object.metadata.namespace === target.namespace) &&
        selected(query, object),
    );
    const limit = Number(query.get('limit') ?? 0);
    const at = query.get('continue');
    const [version, from] = (at ?? `${this.store.version}:0`).split(':').map(Number);
    if (at !== null && (version ?? 0) < this.store.compactedTo)
      throw new Refusal(410, 'Expired', 'The provided continue parameter is too old');
    const floor = Number(query.get('resourceVersion') ?? 0);
    if (floor > this.store.version) throw new Refusal(504, 'Timeout', 'Too large resource version');
    const end = limit === 0 ? all.length : (from ?? 0) + limit;
    return {
      kind: 'List',
      apiVersion: 'v1',
      metadata: {
        resourceVersion: String(version),
        ...(end < all.length ? { continue: `${version}:${end}` } : {}),
      },
      items: all.slice(from, end),
    };
  }

  create({ body, query }: Pick<Written, 'body' | 'query'>, target: Target): Json {
    const object = body as Json & { metadata?: { name?: string; generateName?: string } };
    const { generateName } = object.metadata ?? {};
    const name = object.metadata?.name ?? `${generateName}${this.store.version}`;
    if (object['kind'] === undefined || object['apiVersion'] === undefined)
      throw new Refusal(400, 'BadRequest', 'Object "Kind" or "apiVersion" is missing');
    if (this.object(target.collection, target.namespace, name) !== null)
      throw new Refusal(409, 'AlreadyExists', `${target.plural} "${name}" already exists`);
    const whole = {
      ...object,
      metadata: {
        ...object.metadata,
        name,
        ...(target.namespace === null ? {} : { namespace: target.namespace }),
      },
    };
    return query.get('dryRun') === 'All' ? whole : this.put(target.collection, whole);
  }

  delete({ body, query }: Pick<Written, 'body' | 'query'>, target: Target, found: Stored): Json {
    const options = (body ?? {}) as { preconditions?: { uid?: string }; dryRun?: string[] };
    const { uid } = options.preconditions ?? {};
    if (uid !== undefined && uid !== found.metadata.uid)
      throw new Refusal(409, 'Conflict', 'the UID in the precondition does not match');
    if (options.dryRun === undefined && query.get('dryRun') === null)
      this.remove(target.collection, target.namespace, target.name ?? '');
    return { kind: 'Status', status: 'Success' };
  }

  evict(target: Target): Json {
    if (this.protectedPods.has(`${target.namespace}/${target.name}`))
      throw new Refusal(
        429,
        'TooManyRequests',
        "Cannot evict pod as it would violate the pod's disruption budget.",
      );
    if (this.object(target.collection, target.namespace, target.name ?? '') === null)
      throw new Refusal(404, 'NotFound', `pods "${target.name}" not found`);
    this.remove(target.collection, target.namespace, target.name ?? '');
    return { kind: 'Status', status: 'Success' };
  }

  write(written: Written, target: Target, found: Stored | null): Json {
    const { query, type } = written;
    const next = this.#next(written, target, found);
    const version = (next['metadata'] as Json)['resourceVersion'];
    if (found !== null && version !== undefined && version !== found.metadata.resourceVersion)
      throw new Refusal(
        409,
        'Conflict',
        'the object has been modified; please apply your changes to the latest version',
      );
    // A status is written by its own path and by nothing else, as for every kind with a status subresource.
    const whole =
      target.subresource === 'status'
        ? { ...found, status: next['status'] }
        : found !== null && found['status'] !== undefined && target.collection.includes('/apis/picket.dev/')
          ? { ...next, status: found['status'] }
          : next;
    if (type === 'application/apply-patch+yaml' && query.get('fieldManager') === null)
      throw new Refusal(400, 'BadRequest', 'fieldManager is required for apply patch');
    return query.get('dryRun') === 'All' ? whole : this.put(target.collection, whole);
  }

  #next({ body, verb, type }: Written, target: Target, found: Stored | null): Json {
    if (verb === 'update') return body as Json;
    if (type === 'application/json-patch+json') {
      const patched = jsonPatch(found, body as Json[]);
      if (patched === null) throw new Refusal(422, 'Invalid', 'a test of the patch failed');
      return patched;
    }
    const metadata = {
      name: target.name,
      ...(target.namespace === null ? {} : { namespace: target.namespace }),
    };
    return mergePatch(found ?? { metadata }, body) as Json;
  }
}
