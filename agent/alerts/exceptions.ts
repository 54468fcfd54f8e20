/** What people said is normal, as central sent it: what it covers is told and counted, and is no sign of anything. */
import { covers, type ExceptionMatch, isOf, type Means } from '../../kit/exception.ts';
import { mayBeHashed } from '../../kit/private-value.ts';
import { type Detection, factsTold } from './detection.ts';

/** Workloads whose own exceptions are kept apart; the next begins anew. */
const MAX_WORKLOADS = 1000;
/**
 * Patterns that are compared for one container and window, some 0.1 us each: a container that makes thousands of detections a
 * second is not to take the node's time by them. What comes after that counts as if there were no exception.
 */
export const MAX_COMPARED = 200_000;

/** Of a pattern that is a hash, as the value is hashed under two keys or three to be compared: some 3 us each. */
const HASHED = 60;

/** What a container's window has cost so far. */
export interface Looked {
  compared: number;
}

export class Exceptions {
  /** Detections that were covered, by exception: of each that there is. */
  readonly hits = new Map<string, number>();
  /** Of all, also of exceptions that there are no more. */
  total = 0;
  /** Detections that were not compared, as their container had too many in one window. */
  unlooked = 0;
  #all: readonly ExceptionMatch[] = [];
  /** Those of a workload, once it was asked for. */
  readonly #byWorkload = new Map<string, readonly ExceptionMatch[]>();
  readonly #means: Means;

  /** `means`: of values that are not told as they are. */
  constructor(means: Means = () => false) {
    this.#means = means;
  }

  get size(): number {
    return this.#all.length;
  }

  use(all: readonly ExceptionMatch[]): void {
    this.#all = all;
    this.#byWorkload.clear();
    const names = new Set(all.map(({ name }) => name));
    for (const name of this.hits.keys()) if (!names.has(name)) this.hits.delete(name);
  }

  /** Whether any may mean what the detector finds in the workload; else nothing has to be made to be compared. */
  mayCover(workload: string, detector: string): boolean {
    return this.#all.length > 0 && this.#of(workload).some((one) => isOfDetector(one, detector));
  }

  /** The first that covers the detection, which is then counted; null: none does, or there was too much to compare. */
  of(
    { detector, facts: own, process, wallMs, container }: Omit<Detection, 'alert'>,
    looked: Looked,
  ): ExceptionMatch | null {
    const facts = factsTold({ process, facts: own });
    const { workload } = container.identity;
    if (looked.compared >= MAX_COMPARED) {
      this.unlooked += 1;
      return null;
    }
    const found = this.#of(workload).find((one) => {
      if (!isOfDetector(one, detector)) return false;
      looked.compared += costOf(one);
      return isOf(one, workload, wallMs) && covers(one, { detector, facts }, this.#means);
    });
    if (found === undefined) return null;
    this.total += 1;
    this.hits.set(found.name, (this.hits.get(found.name) ?? 0) + 1);
    return found;
  }

  #of(workload: string): readonly ExceptionMatch[] {
    const known = this.#byWorkload.get(workload);
    if (known !== undefined) return known;
    if (this.#byWorkload.size >= MAX_WORKLOADS) this.#byWorkload.clear();
    const made = this.#all.filter((one) => isOf(one, workload, Number.NEGATIVE_INFINITY));
    this.#byWorkload.set(workload, made);
    return made;
  }
}

const costOf = ({ facts }: ExceptionMatch): number =>
  Object.values(facts).reduce((sum, pattern) => sum + (mayBeHashed(pattern) ? HASHED : 1), 1);

const isOfDetector = (one: ExceptionMatch, detector: string): boolean =>
  one.detector === null || one.detector === detector;

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
