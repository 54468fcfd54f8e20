/**
 * What people set for all nodes of a cluster: rules that are objects, and exceptions. A node says which versions it has; what
 * it has another of comes with the reply. Nothing about a node is kept but what it said last.
 */
import { createHash } from 'node:crypto';
import type { Input, Reply } from '../wire/index.ts';
import type { SentRule } from './cluster/rules.ts';
import type { ExceptionRule } from './correlate/exception.ts';
import type { NodeIdentity, ReportedStanding } from './ingest/report.ts';

export interface GuidanceParts {
  /** Those in force now, of files, objects and verdicts. */
  readonly exceptions: () => readonly ExceptionRule[];
  readonly nowMs: () => number;
}

/** Of a cluster as Kubernetes is tested with, and as many again. */
const MAX_NODES = 10_000;
const MAX_EXCEPTIONS = 2000;
const MAX_EXCEPTION_BYTES = 256 * 1024;
const EACH_MS = 1000;

const versionOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);

/** Whether rules that were sent are in force on a node. */
export type RuleState = 'in-force' | 'refused' | 'waiting';

export class Guidance {
  /** Exceptions that nodes are not told of, because there are too many. */
  exceptionsLeftOut = 0;
  readonly #parts: GuidanceParts;
  /** By cluster; of one that is not here it is not known which there are. */
  readonly #rules = new Map<string, Input<NonNullable<Reply['rules']>>>();
  readonly #standing = new Map<string, ReportedStanding>();
  #madeMs = Number.NEGATIVE_INFINITY;
  #exceptions: Input<NonNullable<Reply['exceptions']>> = { version: '' };

  constructor(parts: GuidanceParts) {
    this.#parts = parts;
  }

  /** All rules of the cluster from now on. */
  useRules(cluster: string, rules: readonly SentRule[]): void {
    this.#rules.set(cluster, { version: rules.length === 0 ? '' : versionOf(rules), rules });
  }

  /** What the node has another version of. */
  replyTo(node: NodeIdentity, standing: ReportedStanding | null): Pick<Input<Reply>, 'rules' | 'exceptions'> {
    if (standing === null) return {};
    this.#note(node, standing);
    const rules = this.#rules.get(node.cluster);
    const exceptions = this.#exceptionsNow();
    return {
      ...(rules !== undefined && rules.version !== standing.rules ? { rules } : {}),
      ...(exceptions.version !== standing.exceptions ? { exceptions } : {}),
    };
  }

  /** What the node said last; null: nothing, or not since central began. */
  standingOf({ cluster, node }: NodeIdentity): ReportedStanding | null {
    return this.#standing.get(`${cluster} ${node}`) ?? null;
  }

  /** Nodes by what became of the rules that there are now. */
  nodesByRules(): Record<RuleState, number> {
    const states = { 'in-force': 0, refused: 0, waiting: 0 };
    for (const [key, { rules, ruleProblems }] of this.#standing) {
      const wanted = this.#rules.get(key.slice(0, key.indexOf(' ')))?.version ?? '';
      if (rules !== wanted) states.waiting += 1;
      else states[ruleProblems.length === 0 ? 'in-force' : 'refused'] += 1;
    }
    return states;
  }

  #note({ cluster, node }: NodeIdentity, standing: ReportedStanding): void {
    const key = `${cluster} ${node}`;
    this.#standing.delete(key);
    this.#standing.set(key, standing);
    const [oldest] = this.#standing.keys();
    if (this.#standing.size > MAX_NODES && oldest !== undefined) this.#standing.delete(oldest);
  }

  /** Looked at once a second, not for each node. */
  #exceptionsNow(): Input<NonNullable<Reply['exceptions']>> {
    const nowMs = this.#parts.nowMs();
    if (nowMs >= this.#madeMs && nowMs - this.#madeMs < EACH_MS) return this.#exceptions;
    this.#madeMs = nowMs;
    const all = this.#parts.exceptions().filter(({ expiresMs }) => expiresMs === null || expiresMs > nowMs);
    const sent = bounded(all.map(sentOf));
    this.exceptionsLeftOut = all.length - sent.length;
    this.#exceptions = { version: sent.length === 0 ? '' : versionOf(sent), exceptions: sent };
    return this.#exceptions;
  }
}

type Sent = Input<NonNullable<Reply['exceptions']>['exceptions'][number]>;

const sentOf = ({ name, workload, detector, facts, expiresMs }: ExceptionRule): Sent => ({
  name,
  workload,
  detector: detector ?? '',
  facts: { ...facts },
  expiresMs: expiresMs ?? 0,
});

function bounded(all: readonly Sent[]): Sent[] {
  let bytes = 0;
  return all.slice(0, MAX_EXCEPTIONS).filter((one) => {
    bytes += JSON.stringify(one).length;
    return bytes <= MAX_EXCEPTION_BYTES;
  });
}
