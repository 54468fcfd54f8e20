/**
 * What of a workload's own values leaves the pipeline: nothing that is not known to be harmless or named by the operator.
 * Sentences are made of values in too many ways to be cleaned; with values that are private they are not told at all.
 * Where a container runs (namespace, pod, workload, image) is always told: without it nobody could act.
 */

import type { Means } from '../../kit/exception.ts';
import { hashedValue, meansHashed } from '../../kit/private-value.ts';
import { type Hasher, type HashKey, hasherOf } from '../../kit/sketch/hash-key.ts';
import type { Alert } from '../alerts/alert.ts';
import type { Actor, Detection } from '../alerts/detection.ts';

export type How = 'told' | 'hashed' | 'dropped';

/** Counts, and what picket itself made up or people named: they say nothing of a workload's names. `session` is PID:START, by which central finds who entered. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...['session', 'periods', 'bits', 'tries', 'windows', 'containers', 'lost', 'args_bytes', 'dns_type'],
  'excepted',
]);
/** Of `det-` and `alr-`. */
const PREFIX = 4;
const PRIVATE = 'what it was is private (private-values)';

interface PrivateSession {
  readonly exe?: string | undefined;
  readonly by?: string | undefined;
  readonly argsSha256?: string | undefined;
}

export class Privacy {
  readonly #how: How;
  readonly #told: ReadonlySet<string>;
  readonly #own: () => HashKey;
  #fleet: readonly Hasher[] = [];
  #node: Hasher | null = null;

  /** `own`: the key until there is the fleet's; asked for when it is first needed. */
  constructor(options: {
    readonly how: How;
    readonly except: readonly string[];
    readonly own: () => HashKey;
  }) {
    this.#how = options.how;
    this.#told = new Set([...HARMLESS, ...options.except]);
    this.#own = options.own;
  }

  /** Values from now on are hashed with the first of these keys: the fleet's, once central gave them. */
  use(keys: readonly HashKey[]): void {
    this.#fleet = keys.map(hasherOf);
  }

  /** What people said of values as they were told: under the fleet's keys, or before there was one under the node's own. */
  readonly means: Means = (compared) =>
    meansHashed(compared, this.#how === 'told' ? this.#fleet : [...this.#fleet, this.#ownHasher()]);

  detection(detection: Detection): Detection {
    if (this.#how === 'told') return detection;
    const facts = Object.entries(detection.facts).flatMap(([name, value]) => {
      const told = this.#fact(name, value);
      return told === null ? [] : [[name, told] as const];
    });
    return {
      ...detection,
      id: this.#id(detection.id),
      alert: this.#id(detection.alert),
      summary: `${detection.detector}: ${PRIVATE}`,
      facts: Object.fromEntries(facts),
      process: detection.process === null ? null : this.#actor(detection.process),
    };
  }

  alert(alert: Alert): Alert {
    if (this.#how === 'told') return alert;
    const { evidence, detectors } = alert;
    return {
      ...alert,
      id: this.#id(alert.id),
      title: `${detectors.join(', ')}: ${PRIVATE}`,
      explanation: [],
      context: [],
      evidence:
        evidence === null
          ? null
          : { ...evidence, grounds: evidence.grounds.map((ground) => ({ ...ground, what: '' })) },
    };
  }

  /** Whose arguments' hash is not told has none: of a hash of it nobody could find a command again. */
  session<T extends PrivateSession>(session: T): T {
    const { exe = '', by = '', argsSha256 = '' } = session;
    const isTold = this.#how === 'told' || this.#told.has('args_sha256');
    return {
      ...session,
      exe: this.value('exe', exe),
      by: this.value('parent', by),
      argsSha256: isTold ? argsSha256 : '',
    };
  }

  /** A value by the name of its fact; empty where it is dropped. */
  value(name: string, value: string): string {
    return this.#fact(name, value) ?? '';
  }

  /**
   * An id is a hash of what is private and otherwise known: without a key it could be tried until it fits. Always under the
   * key of the node, which stays the same: central joins revisions and detections by it.
   */
  #id(id: string): string {
    if (id === '') return '';
    const hash = this.#ownHasher();
    const hex = [id, `${id} `].map((text) => Buffer.from(hash(text)).toString('hex')).join('');
    return `${id.slice(0, PREFIX)}${hex.slice(0, 20)}`;
  }

  #actor(actor: Actor): Actor {
    return { ...actor, exe: this.value('exe', actor.exe), parent: this.value('parent', actor.parent) };
  }

  /** Null: not told. */
  #fact(name: string, value: string): string | null {
    if (this.#how === 'told' || value === '' || this.#told.has(name)) return value;
    if (this.#how === 'dropped') return null;
    return hashedValue(name, value, this.#fleet[0] ?? this.#ownHasher());
  }

  #ownHasher(): Hasher {
    this.#node ??= hasherOf(this.#own());
    return this.#node;
  }
}
