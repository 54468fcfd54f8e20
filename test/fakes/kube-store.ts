/** What an API server keeps: objects by path, one version number for all, a history that watches are served from. */

export type Json = Record<string, unknown>;
export interface Stored extends Json {
  metadata: Json & { name: string; namespace?: string; resourceVersion: string; uid: string };
}
export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** Path of the collection over all namespaces. */
  readonly collection: string;
  readonly object: Stored;
  readonly version: number;
}

/** JSON merge patch (RFC 7386). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base: Json =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...(target as Json) } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete base[key];
    else base[key] = mergePatch(base[key], value);
  }
  return base;
}

/** JSON patch (RFC 6902): add, replace, remove and test; null when a test fails. */
export function jsonPatch(target: unknown, operations: readonly Json[]): Json | null {
  const root = structuredClone(target) as Json;
  for (const { op, path, value } of operations) {
    const keys = String(path)
      .split('/')
      .slice(1)
      .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop() ?? '';
    let at: Json = root;
    for (const key of keys) at = at[key] as Json;
    if (op === 'test') {
      if (JSON.stringify(at[last]) !== JSON.stringify(value)) return null;
    } else if (Array.isArray(at)) {
      if (op === 'remove') at.splice(Number(last), 1);
      else if (op === 'add') at.splice(last === '-' ? at.length : Number(last), 0, value);
      else at[Number(last)] = value;
    } else if (op === 'remove') delete at[last];
    else at[last] = value;
  }
  return root;
}

export class KubeStore {
  version = 100;
  /** By path of the object. */
  readonly objects = new Map<string, Stored>();
  readonly history: Change[] = [];
  /** Changes up to here are forgotten. */
  compactedTo = 0;
  readonly listeners = new Set<(change: Change) => void>();
  #uid = 0;

  put(collection: string, path: string, object: Json): Stored {
    const before = this.objects.get(path);
    this.version += 1;
    const specChanged =
      before !== undefined && JSON.stringify(before['spec']) !== JSON.stringify(object['spec']);
    const generation = Number(before?.metadata['generation'] ?? 1) + (specChanged ? 1 : 0);
    const stored = {
      ...object,
      metadata: {
        creationTimestamp: new Date(1_700_000_000_000).toISOString(),
        ...(object['metadata'] as Json),
        uid: before?.metadata.uid ?? String((object['metadata'] as Json)['uid'] ?? this.#nextUid()),
        generation,
        resourceVersion: String(this.version),
      },
    } as unknown as Stored;
    const gone = stored.metadata['deletionTimestamp'] !== undefined && finalizersOf(stored).length === 0;
    if (gone) this.objects.delete(path);
    else this.objects.set(path, stored);
    this.#tell({
      type: gone ? 'DELETED' : before === undefined ? 'ADDED' : 'MODIFIED',
      collection,
      object: stored,
    });
    return stored;
  }

  remove(collection: string, path: string): void {
    const object = this.objects.get(path);
    if (object === undefined) return;
    if (finalizersOf(object).length > 0) {
      if (object.metadata['deletionTimestamp'] !== undefined) return;
      const metadata = { ...object.metadata, deletionTimestamp: new Date(1_700_000_000_000).toISOString() };
      this.put(collection, path, { ...object, metadata });
      return;
    }
    this.version += 1;
    this.objects.delete(path);
    const metadata = { ...object.metadata, resourceVersion: String(this.version) };
    this.#tell({ type: 'DELETED', collection, object: { ...object, metadata } });
  }

  /** Everything that happened is forgotten: a watch from before gets 410. */
  compact(): void {
    this.compactedTo = this.version;
    this.history.length = 0;
  }

  #nextUid(): string {
    this.#uid += 1;
    return `00000000-0000-4000-8000-${String(this.#uid).padStart(12, '0')}`;
  }

  #tell(change: Omit<Change, 'version'>): void {
    const whole = { ...change, version: this.version };
    this.history.push(whole);
    for (const listener of this.listeners) listener(whole);
  }
}

export const finalizersOf = ({ metadata }: Stored): readonly string[] =>
  (metadata['finalizers'] as string[] | undefined) ?? [];
