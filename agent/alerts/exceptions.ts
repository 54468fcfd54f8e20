/** What people said is normal, as central sent it: what it covers is told and counted, and is no sign of anything. */
import { covers, type ExceptionMatch, isOf } from '../../kit/exception.ts';
import type { Detection } from './detection.ts';

/** Names that are counted apart. */
const MAX_COUNTED = 1000;

export class Exceptions {
  /** Detections that were covered, by exception. */
  readonly hits = new Map<string, number>();
  /** Of all, also of exceptions that there are no more. */
  total = 0;
  #all: readonly ExceptionMatch[] = [];
  /** Those of a workload, once it was asked for. */
  readonly #byWorkload = new Map<string, readonly ExceptionMatch[]>();

  get size(): number {
    return this.#all.length;
  }

  use(all: readonly ExceptionMatch[]): void {
    this.#all = all;
    this.#byWorkload.clear();
    const names = new Set(all.map(({ name }) => name));
    for (const name of this.hits.keys()) if (!names.has(name)) this.hits.delete(name);
  }

  /** The first that covers the detection, which is then counted; null: none does. */
  of({ detector, facts, wallMs, container }: Omit<Detection, 'alert'>): ExceptionMatch | null {
    if (this.#all.length === 0) return null;
    const { workload } = container.identity;
    const found = this.#of(workload).find(
      (one) => isOf(one, workload, wallMs) && covers(one, { detector, facts }),
    );
    if (found === undefined) return null;
    this.total += 1;
    if (this.hits.size < MAX_COUNTED || this.hits.has(found.name))
      this.hits.set(found.name, (this.hits.get(found.name) ?? 0) + 1);
    return found;
  }

  #of(workload: string): readonly ExceptionMatch[] {
    const known = this.#byWorkload.get(workload);
    if (known !== undefined) return known;
    if (this.#byWorkload.size >= MAX_COUNTED) this.#byWorkload.clear();
    const made = this.#all.filter((one) => isOf(one, workload, Number.NEGATIVE_INFINITY));
    this.#byWorkload.set(workload, made);
    return made;
  }
}

/** The detection as it is told: no less than without the exception, but of no weight. */
export const excepted = <T extends Pick<Detection, 'severity' | 'facts' | 'bits'>>(
  detection: T,
  { name }: ExceptionMatch,
): T => ({ ...detection, severity: 'info', bits: 0, facts: { ...detection.facts, excepted: name } });

/** Largest document, characters. */
const MAX_TEXT = 512 * 1024;
const MAX_EXCEPTIONS = 2000;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function exceptionOf(value: unknown): ExceptionMatch | null {
  if (!isObject(value) || typeof value['name'] !== 'string' || typeof value['workload'] !== 'string')
    return null;
  const { name, workload, detector, facts, expiresMs } = value;
  const patterns = Object.entries(isObject(facts) ? facts : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return {
    name,
    workload,
    detector: typeof detector === 'string' && detector !== '' ? detector : null,
    facts: Object.fromEntries(patterns),
    expiresMs: typeof expiresMs === 'number' && expiresMs > 0 ? expiresMs : null,
  };
}

/** The document that a frame carries. @throws when it is none. */
export function readExceptions(text: string): ExceptionMatch[] {
  if (text.length > MAX_TEXT) throw new Error(`exceptions: ${text.length} characters, more than ${MAX_TEXT}`);
  const value: unknown = JSON.parse(text);
  const all = isObject(value) ? value['exceptions'] : null;
  if (!Array.isArray(all)) throw new Error('exceptions: not a list');
  return all
    .slice(0, MAX_EXCEPTIONS)
    .map(exceptionOf)
    .filter((one) => one !== null);
}
