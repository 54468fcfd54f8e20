/** What people said of alerts, as central counts it: how often each detector was right and wrong about a workload. It is shown and changes no verdict. */
import type { Input, SentVerdicts } from '../wire/index.ts';

export interface JudgedDetector {
  readonly detector: string;
  /** Alerts that stand on it and that people found to be real, and to be none. */
  readonly hits: number;
  readonly falseAlarms: number;
}

/** Central sends no more; of a longer list, and of a file, the first are taken. */
const MAX_JUDGED = 2000;
const MAX_NAME = 512;
/** As long as nothing was sent: an agent of before there were any says nothing, and is sent none. */
const NONE = '0';

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const isName = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && value.length <= MAX_NAME;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isJudged = (value: unknown): boolean =>
  isObject(value) &&
  isName(value['workload']) &&
  isName(value['detector']) &&
  isCount(value['hits']) &&
  isCount(value['falseAlarms']);

/** Whether it is what `kept` gave: a file may be of another version. */
export const isKeptVerdicts = (value: unknown): value is SentVerdicts =>
  isObject(value) && typeof value['version'] === 'string' && Array.isArray(value['judged']);

export class PeopleVerdicts {
  #version = NONE;
  #sent: SentVerdicts['judged'] = [];
  /** By workload, in the order that they were sent in: most false alarms first. */
  #byWorkload: ReadonlyMap<string, readonly JudgedDetector[]> = new Map();

  get version(): string {
    return this.#version;
  }

  /** All of it, in place of what was known; entries of another shape are left out. */
  use({ version, judged }: SentVerdicts): void {
    this.#version = version;
    this.#sent = judged.slice(0, MAX_JUDGED).filter(isJudged);
    const byWorkload = new Map<string, JudgedDetector[]>();
    for (const { workload, detector, hits, falseAlarms } of this.#sent) {
      const of = byWorkload.get(workload) ?? [];
      byWorkload.set(workload, of);
      of.push({ detector, hits, falseAlarms });
    }
    this.#byWorkload = byWorkload;
  }

  of(workload: string): readonly JudgedDetector[] {
    return this.#byWorkload.get(workload) ?? [];
  }

  kept(): Input<SentVerdicts> {
    return { version: this.#version, judged: this.#sent };
  }
}
