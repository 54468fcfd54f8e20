/** What judging wants of rules: their hits on an event. The rules themselves are in agent/rules. */
import type { Event } from '../events/event.ts';
import type { Container } from '../identity/container.ts';
import type { KnownProcess } from '../identity/processes.ts';
import type { Severity } from './severity.ts';

/** What a rule may look at beside the event. */
export interface RuleContext {
  readonly container: Container;
  /** The event's process and what started it, itself first; empty when nothing is known. */
  readonly lineage: readonly KnownProcess[];
  /** What the workload's baseline says: its state, and in how many learnt periods it saw the event's fact. */
  readonly known: { readonly state: string; readonly seen: number };
}

export interface RuleHit {
  readonly rule: { readonly name: string; readonly sentence: string; readonly next: string };
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

export interface Rules {
  hits(event: Event, context: RuleContext): readonly RuleHit[];
}
