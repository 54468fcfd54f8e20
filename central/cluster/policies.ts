/**
 * Policies and exceptions that are objects, behind those of files: objects by `spec.priority`, the highest first, then by
 * name. One that cannot be read is not in force, says so in its status, and keeps none of the others out.
 */
import type { KubeClient } from '../../kit/kube/client.ts';
import type { KubeError } from '../../kit/kube/error.ts';
import type { KubeObject, Resource } from '../../kit/kube/resource.ts';
import { Watch, type WatchTiming } from '../../kit/kube/watch.ts';
import { PolicyError, type PolicySet, parsePolicies } from '../respond/policy.ts';
import { type Condition, conditionOf } from './condition.ts';
import { API_VERSION, PICKET_EXCEPTIONS, PICKET_POLICIES } from './kinds.ts';

/** Where a document came from, as the journal has it. */
export const SOURCE = 'kubernetes';
/** Of each kind; further ones are not in force, and say so. */
const MAX_OBJECTS = 1000;

export interface PolicyObjectsParts {
  readonly client: KubeClient;
  /** From files; in force before any object. */
  readonly files: PolicySet;
  /** What is in force from now on. */
  readonly use: (policies: PolicySet) => Promise<void>;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
  readonly timing?: WatchTiming;
}

interface Kept {
  readonly resource: Resource;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly priority: number;
  readonly text: string;
  readonly conditions: unknown;
}

export function joined(first: PolicySet, second: PolicySet): PolicySet {
  return {
    policies: [...first.policies, ...second.policies],
    exceptions: [...first.exceptions, ...second.exceptions],
    documents: [...first.documents, ...second.documents],
  };
}

function keep(resource: Resource, { metadata, spec, status }: KubeObject): Kept | null {
  const { name, uid, generation = 1 } = metadata;
  if (name === undefined || uid === undefined) return null;
  const { priority, ...rest } = (spec ?? {}) as Record<string, unknown>;
  const document = { apiVersion: API_VERSION, kind: resource.kind, metadata: { name }, spec: rest };
  return {
    resource,
    name,
    uid,
    generation,
    priority: typeof priority === 'number' ? priority : 0,
    text: JSON.stringify(document),
    conditions: (status as { conditions?: unknown } | undefined)?.conditions,
  };
}

/** Why each object is not in force, empty where it is; and what all that are make together with `files`. */
export function inForce(
  files: PolicySet,
  objects: readonly Kept[],
): { readonly policies: PolicySet; readonly refusals: ReadonlyMap<Kept, string> } {
  const ordered = objects.toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
  const taken = new Set(files.documents.map(({ kind, name }) => `${kind} ${name}`));
  const refusals = new Map<Kept, string>();
  let policies = files;
  for (const object of ordered) {
    const key = `${object.resource.kind} ${object.name}`;
    try {
      if (taken.has(key)) throw new PolicyError(['a file has one of this name, which is in force instead']);
      policies = joined(policies, parsePolicies([{ path: SOURCE, text: object.text }]));
      taken.add(key);
      refusals.set(object, '');
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      refusals.set(object, error.violations.join('\n'));
    }
  }
  return { policies, refusals };
}

export class PolicyObjects {
  readonly #parts: PolicyObjectsParts;
  /** Null: not listed yet. */
  readonly #listed = new Map<Resource, Map<string, Kept> | null>([
    [PICKET_POLICIES, null],
    [PICKET_EXCEPTIONS, null],
  ]);
  readonly #watches: readonly Watch<Kept>[];
  #working: Promise<void> = Promise.resolve();

  constructor(parts: PolicyObjectsParts) {
    this.#parts = parts;
    this.#watches = [PICKET_POLICIES, PICKET_EXCEPTIONS].map((resource) => this.#watchOf(resource));
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.run(signal)));
    await this.#working;
  }

  get inStep(): boolean {
    return this.#watches.every((watch) => watch.inStep);
  }

  #watchOf(resource: Resource): Watch<Kept> {
    const { client, onError, timing } = this.#parts;
    return new Watch<Kept>(
      client,
      { what: { resource }, reduce: (object) => keep(resource, object) },
      {
        listed: (items) => {
          this.#listed.set(resource, new Map(items.slice(0, MAX_OBJECTS).map((item) => [item.name, item])));
          return this.#apply();
        },
        changed: (change, item) => this.#changed(resource, change === 'DELETED', item),
        problem: (error: KubeError) => onError(error),
      },
      timing,
    );
  }

  #changed(resource: Resource, gone: boolean, item: Kept): Promise<void> | void {
    const known = this.#listed.get(resource);
    if (known == null) return;
    const before = known.get(item.name);
    if (gone) known.delete(item.name);
    else if (known.size < MAX_OBJECTS || before !== undefined) known.set(item.name, item);
    // Our own word on its status comes back as a change.
    const same = !gone && before?.uid === item.uid && before.generation === item.generation;
    return same ? undefined : this.#apply();
  }

  /** One after the other; nothing is in force of objects before both kinds are known. */
  #apply(): Promise<void> {
    this.#working = this.#working.then(() => this.#applyNow()).catch(this.#parts.onError);
    return this.#working;
  }

  async #applyNow(): Promise<void> {
    const lists = [...this.#listed.values()];
    if (lists.some((list) => list === null)) return;
    const objects = lists.flatMap((list) => [...(list?.values() ?? [])]);
    const { policies, refusals } = inForce(this.#parts.files, objects);
    await this.#parts.use(policies);
    for (const [object, refusal] of refusals) await this.#say(object, refusal).catch(this.#parts.onError);
  }

  async #say(object: Kept, refusal: string): Promise<void> {
    const { client, nowMs } = this.#parts;
    const holds = refusal === '';
    const condition = conditionOf(object.conditions, {
      type: 'InForce',
      holds,
      reason: holds ? 'Accepted' : 'Refused',
      message: refusal,
      generation: object.generation,
      nowMs: nowMs(),
    });
    if (isSaid(object.conditions, condition)) return;
    await client.patch(
      { resource: object.resource, name: object.name },
      { status: { observedGeneration: object.generation, conditions: [condition] } },
      { subresource: 'status' },
    );
  }
}

function isSaid(conditions: unknown, wanted: Condition): boolean {
  const [said] = Array.isArray(conditions) ? (conditions as Condition[]) : [];
  return (
    said?.status === wanted.status &&
    said.message === wanted.message &&
    said.observedGeneration === wanted.observedGeneration
  );
}
