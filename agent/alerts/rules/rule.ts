/** The contract of a rule: one file each, one behaviour each, declared with its knobs, techniques and severity. */
import type { Event } from '../../events/event.ts';
import type { Container } from '../../identity/container.ts';
import type { KnownProcess } from '../../identity/processes.ts';
import type { Severity } from '../severity.ts';

/** A number or list that changes what the rule matches. */
export interface Knob {
  readonly default: number | readonly string[];
  readonly sentence: string;
}

export interface RuleContext {
  readonly container: Container;
  /** The event's process and what started it, itself first; empty when nothing is known. */
  readonly lineage: readonly KnownProcess[];
}

export interface RuleHit {
  readonly severity: Severity;
  /** 0 to 1: how sure the rule is that this is no normal operation. */
  readonly score: number;
  /** One plain sentence. */
  readonly summary: string;
  /** What the hit is about; the same subject is told once per window. */
  readonly subject: string;
  readonly techniques: readonly string[];
  readonly facts: Readonly<Record<string, string>>;
}

export interface Rule {
  readonly name: string;
  readonly sentence: string;
  readonly techniques: readonly string[];
  readonly severity: Severity;
  readonly knobs: Readonly<Record<string, Knob>>;
  /** Kinds of events it looks at. */
  readonly on: readonly Event['kind'][];
  /** Where to look next, one sentence. */
  readonly next: string;
  match(event: Event, context: RuleContext): RuleHit | null;
}
