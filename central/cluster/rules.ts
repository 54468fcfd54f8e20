/**
 * Rules that are objects: each compiled as a node would, those that compile sent to all nodes of the cluster. One that does
 * not says why, with line, in its status and in an Event, and keeps none of the others out.
 */
import { stringify } from 'yaml';
import type { KubeClient } from '../../kit/kube/client.ts';
import { Mirror } from '../../kit/kube/mirror.ts';
import type { KubeObject } from '../../kit/kube/resource.ts';
import type { WatchTiming } from '../../kit/kube/watch.ts';
import { tellEvent } from './event.ts';
import { type InForceObject, isOurWord, type LeftOut, sayInForce, tooMany } from './in-force.ts';
import { PICKET_RULES } from './kinds.ts';

/** A document of the rule language, as a file has it. */
export interface SentRule {
  readonly name: string;
  readonly text: string;
}
/** Everything that is wrong with it, each as PLACE:LINE:COLUMN: REASON; empty: nothing. */
export type CheckRule = (rule: SentRule) => Promise<readonly string[]>;

export interface RuleObjectsParts {
  readonly cluster: string;
  readonly client: KubeClient;
  readonly check: CheckRule;
  /** What is to be in force on the nodes of the cluster from now on, in the order of names. */
  readonly use: (cluster: string, rules: readonly SentRule[]) => void;
  readonly nowMs: () => number;
  readonly onError: (error: unknown) => void;
  readonly timing?: WatchTiming | undefined;
}

interface Kept extends InForceObject {
  readonly text: string;
}

/** Of one cluster; further ones are not in force. With ours, a node takes 1000. */
const MAX_OBJECTS = 500;
/** Of those, so many say so themselves. */
const MAX_LEFT_OUT = 100;
/** Of all that are sent together: a reply to a node takes 1 MiB. */
const MAX_BYTES = 512 * 1024;
/** Of the language's own documents; objects have a version of their own. */
const LANGUAGE = 'picket.dev/v1';
const MAX_TOLD = 5;

/** The head has as many lines as are taken off again in what is told: a place is one of `spec`, as kubectl prints it. */
function documentOf(name: string, spec: unknown): string {
  const head = `apiVersion: ${LANGUAGE}\nkind: PicketRule\nname: ${JSON.stringify(name)}\n`;
  const body = typeof spec === 'object' && spec !== null ? spec : {};
  return `${head}${Object.keys(body).length === 0 ? '' : stringify(body, { lineWidth: 0, sortMapEntries: true })}`;
}
const HEAD_LINES = 3;

function keep({ metadata, spec, status }: KubeObject): Kept | null {
  const { name, uid, generation = 1 } = metadata;
  if (name === undefined || uid === undefined) return null;
  const conditions = (status as { conditions?: unknown } | undefined)?.conditions;
  return { resource: PICKET_RULES, name, uid, generation, conditions, text: documentOf(name, spec) };
}

/** A problem with its line of the spec, and what stands there. */
export function inSpec(problem: string, text: string): string {
  const [, at, column, reason] = /^[^:]*:(\d+):(\d+): (.*)$/s.exec(problem) ?? [];
  if (at === undefined) return problem;
  const line = Number(at) - HEAD_LINES;
  if (line < 1) return reason ?? problem;
  const source = text.split('\n')[Number(at) - 1]?.trim().slice(0, 200) ?? '';
  return `spec line ${line}, column ${column}, ${JSON.stringify(source)}: ${reason}`;
}

export class RuleObjects {
  readonly #parts: RuleObjectsParts;
  readonly #mirror: Mirror<Kept>;
  /** What came of each text that was compiled, so that one change compiles one rule. */
  readonly #checked = new Map<string, readonly string[]>();
  #working: Promise<void> = Promise.resolve();

  constructor(parts: RuleObjectsParts) {
    this.#parts = parts;
    this.#mirror = new Mirror({
      client: parts.client,
      query: { what: { resource: PICKET_RULES }, reduce: keep },
      keyOf: ({ name }) => name,
      ...{ maxObjects: MAX_OBJECTS, maxLeftOut: MAX_LEFT_OUT },
      listed: () => this.#apply(),
      changed: (change, item, before) => (isOurWord(change, item, before) ? undefined : this.#apply()),
      problem: parts.onError,
      timing: parts.timing,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#mirror.run(signal);
    await this.#working;
  }

  get inStep(): boolean {
    return this.#mirror.inStep;
  }

  /** Objects that are not looked at because there are too many. */
  get leftOut(): LeftOut {
    return [[PICKET_RULES.kind, this.#mirror.refused]];
  }

  #apply(): Promise<void> {
    this.#working = this.#working.then(() => this.#applyNow()).catch(this.#parts.onError);
    return this.#working;
  }

  async #applyNow(): Promise<void> {
    const { cluster, use, onError } = this.#parts;
    const objects = this.#mirror.all().toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const good: SentRule[] = [];
    const refusals = new Map<Kept, string>();
    let bytes = 0;
    for (const object of objects) {
      const problems = await this.#check(object);
      const size = Buffer.byteLength(object.text);
      const tooMuch = problems.length === 0 && bytes + size > MAX_BYTES;
      if (problems.length === 0 && !tooMuch) {
        bytes += size;
        good.push({ name: object.name, text: object.text });
      }
      refusals.set(object, tooMuch ? `the rules before it have all ${MAX_BYTES} bytes` : problems.join('\n'));
    }
    for (const object of this.#mirror.leftOut()) refusals.set(object, tooMany(PICKET_RULES, MAX_OBJECTS));
    this.#forget(objects);
    use(cluster, good);
    for (const [object, refusal] of refusals) await this.#say(object, refusal).catch(onError);
  }

  async #check({ name, text }: Kept): Promise<readonly string[]> {
    const known = this.#checked.get(text);
    if (known !== undefined) return known;
    const problems = (await this.#parts.check({ name, text })).map((problem) => inSpec(problem, text));
    const more = problems.length - MAX_TOLD;
    const told = more > 0 ? [...problems.slice(0, MAX_TOLD), `and ${more} more`] : problems;
    this.#checked.set(text, told);
    return told;
  }

  #forget(objects: readonly Kept[]): void {
    const texts = new Set(objects.map(({ text }) => text));
    for (const text of this.#checked.keys()) if (!texts.has(text)) this.#checked.delete(text);
  }

  async #say(object: Kept, refusal: string): Promise<void> {
    const { client, nowMs } = this.#parts;
    const said = await sayInForce(object, refusal, { client, nowMs });
    if (!said || refusal === '') return;
    const { resource, name, uid } = object;
    const told = { resource, name, uid, type: 'Warning', reason: 'Refused', message: refusal } as const;
    await tellEvent(client, told, nowMs());
  }
}
