/** What central is told about its orders, and how often each outcome came up. */
import type { Clock } from '../../kit/clock.ts';
import type { Input, OrderReport } from '../../wire/index.ts';
import { type Effect, NOT_LOOKED } from './effect.ts';
import type { Lease } from './lease.ts';

/** An order that is sent again is answered again, but no more often than this. */
const REPEAT_REPORT_MS = 30_000;
const MAX_DETAIL = 1024;

export class Answers {
  /** Orders by outcome since the agent started. */
  readonly counts = new Map<string, number>();
  private readonly clock: Clock;
  private readonly report: (report: Input<OrderReport>) => void;
  private readonly toldAt = new Map<string, number>();
  private readonly againAt = new Map<string, { readonly at: number; readonly verified: string }>();

  constructor(clock: Clock, report: (report: Input<OrderReport>) => void) {
    this.clock = clock;
    this.report = report;
  }

  count(outcome: string): void {
    this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1);
  }

  tell(
    order: string,
    state: string,
    { detail, untilMs, effect = NOT_LOOKED }: { detail: string; untilMs: number; effect?: Effect },
  ): void {
    const now = this.clock.wallMs();
    this.toldAt.set(order, now);
    const { verified, proof, open } = effect;
    const said = verified === '' ? {} : { verified, proof: [...proof], open: [...open] };
    this.report({ order, state, detail: detail.slice(0, MAX_DETAIL), wallMs: now, untilMs, ...said });
  }

  /** The same order once more: central did not get the report. */
  repeat(lease: Lease): void {
    const told = this.toldAt.get(lease.order) ?? Number.NEGATIVE_INFINITY;
    this.count('repeated');
    if (this.clock.wallMs() - told < REPEAT_REPORT_MS) return;
    const state = lease.state === 'active' || lease.detail.startsWith('releases ') ? 'applied' : lease.state;
    const untilMs = lease.state === 'active' ? lease.untilMs : 0;
    this.tell(lease.order, state, { detail: lease.detail, untilMs, effect: lease.effect });
  }

  /** Its container began anew. One that restarts all the time is told of now and then, and when what was found changes. */
  again(order: string, what: { detail: string; untilMs: number; effect: Effect }): void {
    const { verified } = what.effect;
    this.count(verified === 'no' ? 'not-contained-again' : 'contained-again');
    const told = this.againAt.get(order);
    const now = this.clock.wallMs();
    if (told !== undefined && told.verified === verified && now - told.at < REPEAT_REPORT_MS) return;
    this.againAt.set(order, { at: now, verified });
    this.tell(order, 'applied', what);
  }

  forget(order: string): void {
    this.againAt.delete(order);
    this.toldAt.delete(order);
  }
}
