/**
 * Policies and exceptions that are objects, behind those of files: objects by `spec.priority`, the highest first, then by
 * name. One that cannot be read is not in force, says so in its status, and keeps none of the others out.
 */
import type { KubeClient } from '../../kit/kube/client.ts';
import { Mirror } from '../../kit/kube/mirror.ts';
import type { KubeObject, Resource } from '../../kit/kube/resource.ts';
import type { WatchTiming } from '../../kit/kube/watch.ts';
import { PolicyError, type PolicySet, parsePolicies } from '../respond/policy.ts';
import { type InForceObject, isOurWord, type LeftOut, sayInForce, tooMany } from './in-force.ts';
import { API_VERSION, PICKET_EXCEPTIONS, PICKET_POLICIES } from './kinds.ts';

/** Where a document came from, as the journal has it. */
export const SOURCE = 'kubernetes';
/** Of each kind; further ones are not in force, and so many of them say so. */
const MAX_OBJECTS = 1000;
const MAX_LEFT_OUT = 100;

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

const KINDS = [PICKET_POLICIES, PICKET_EXCEPTIONS];

interface Kept extends InForceObject {
  readonly priority: number;
  readonly text: string;
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
  readonly #mirrors: readonly Mirror<Kept>[];
  #working: Promise<void> = Promise.resolve();

  constructor(parts: PolicyObjectsParts) {
    this.#parts = parts;
    this.#mirrors = KINDS.map(
      (resource) =>
        new Mirror({
          client: parts.client,
          query: { what: { resource }, reduce: (object) => keep(resource, object) },
          keyOf: ({ name }) => name,
          ...{ maxObjects: MAX_OBJECTS, maxLeftOut: MAX_LEFT_OUT },
          listed: () => this.#apply(),
          changed: (change, item, before) => (isOurWord(change, item, before) ? undefined : this.#apply()),
          problem: parts.onError,
          timing: parts.timing,
        }),
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#mirrors.map((mirror) => mirror.run(signal)));
    await this.#working;
  }

  get inStep(): boolean {
    return this.#mirrors.every((mirror) => mirror.inStep);
  }

  get leftOut(): LeftOut {
    return KINDS.map((resource, index) => [resource.kind, this.#mirrors[index]?.refused ?? 0]);
  }

  /** One after the other; nothing is in force of objects before both kinds are known. */
  #apply(): Promise<void> {
    this.#working = this.#working.then(() => this.#applyNow()).catch(this.#parts.onError);
    return this.#working;
  }

  async #applyNow(): Promise<void> {
    if (!this.#mirrors.every((mirror) => mirror.known)) return;
    const objects = this.#mirrors.flatMap((mirror) => mirror.all());
    const { policies, refusals } = inForce(this.#parts.files, objects);
    await this.#parts.use(policies);
    const leftOut = this.#mirrors
      .flatMap((mirror) => mirror.leftOut())
      .map((object) => [object, tooMany(object.resource, MAX_OBJECTS)] as const);
    for (const [object, refusal] of [...refusals, ...leftOut])
      await sayInForce(object, refusal, this.#parts).catch(this.#parts.onError);
  }
}
