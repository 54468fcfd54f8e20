/** Takes verdicts, proposes and puts in force exceptions, and holds those that are. */
import { randomBytes } from 'node:crypto';
import type { Means } from '../../kit/exception.ts';
import { meansHashed } from '../../kit/private-value.ts';
import { type HashKey, hasherOf } from '../../kit/sketch/hash-key.ts';
import type { ExceptionRule } from '../correlate/exception.ts';
import type { Evidence, Incident } from '../correlate/incident.ts';
import { type About, aboutIncident } from '../notify/about.ts';
import type { Declined } from '../respond/execute.ts';
import { featuresOf } from './features.ts';
import { type Preview, preview } from './preview.ts';
import { type Proposal, propose, ruleOf } from './propose.ts';
import type {
  ExceptionView,
  FeedbackTransaction,
  MadeException,
  PastAlert,
  Subject,
  Verdict,
  VerdictKind,
} from './verdict.ts';

/** In force at one time; each alert is compared with those of its workload. */
const EXCEPTIONS = 500;
/** How far back a preview looks, and at how many alerts. */
const BACK_MS = 7 * 86_400_000;
const ALERTS = 500;
export const LEASE_MS = { usual: 30 * 86_400_000, most: 365 * 86_400_000 };

export interface FeedbackParts {
  readonly store: { transaction<T>(work: (parts: FeedbackTransaction) => Promise<T>): Promise<T> };
  readonly nowMs: () => number;
  /** The valid ones. */
  readonly hashKeys: () => readonly HashKey[];
  readonly notify: (about: About) => void;
  /** A verdict was added. */
  readonly learn: () => Promise<void>;
  readonly count: (what: 'true-positive' | 'false-positive' | 'exception' | 'revoked') => void;
}
export interface Given {
  readonly verdict: Verdict;
  /** Of a false positive: what would keep the like of it out, and what it would have hidden. */
  readonly proposals: readonly Proposal[];
  readonly preview: Preview | null;
}
export interface Excepted {
  readonly exceptions: readonly MadeException[];
  readonly preview: Preview;
}
export interface Feedback {
  give(asked: {
    subject: Subject;
    verdict: VerdictKind;
    actor: string;
    reason: string;
  }): Promise<Given | Declined>;
  /** Puts the exceptions that a verdict proposes in force, until they end. */
  except(asked: {
    verdict: string;
    leaseMs: number;
    actor: string;
    /** Empty: that of the verdict. */
    reason: string;
  }): Promise<Excepted | Declined>;
  revoke(asked: { name: string; actor: string; reason: string }): Promise<{ name: string } | Declined>;
  exceptions(most: number): Promise<readonly ExceptionView[]>;
  verdicts(most: number): Promise<readonly Verdict[]>;
  /** In force now. */
  rules(): readonly ExceptionRule[];
  /** Reads what is in force from the store. */
  load(): Promise<void>;
}

const workloadsOf = (evidence: readonly Evidence[]): readonly string[] => [
  ...new Set(evidence.map(({ alert }) => alert.workload)),
];
/** Of those that are judged now the verdict is one, too: what differs between their own detections is no other occurrence. */
function earlierOf(past: readonly PastAlert[], now: readonly Evidence[]): readonly Evidence[] {
  const own = new Set(now.map(({ alert }) => alert.id));
  return past
    .filter(({ verdict, evidence }) => verdict === 'false-positive' && !own.has(evidence.alert.id))
    .map(({ evidence }) => evidence);
}

class StoredFeedback implements Feedback {
  private readonly parts: FeedbackParts;
  private inForce: readonly MadeException[] = [];

  constructor(parts: FeedbackParts) {
    this.parts = parts;
  }

  rules = (): readonly ExceptionRule[] => {
    const nowMs = this.parts.nowMs();
    return this.inForce.filter(({ expiresMs }) => expiresMs > nowMs);
  };

  async load(): Promise<void> {
    const nowMs = this.parts.nowMs();
    const all = await this.exceptions(EXCEPTIONS);
    this.inForce = all.filter(({ expiresMs, revokedMs }) => revokedMs === 0 && expiresMs > nowMs);
  }

  async give(asked: Parameters<Feedback['give']>[0]): Promise<Given | Declined> {
    const { subject, actor, reason, verdict: kind } = asked;
    const atMs = this.parts.nowMs();
    const given = await this.parts.store.transaction(async (parts) => {
      const evidence = await parts.feedback.evidence(subject);
      if (evidence.length === 0)
        return { declined: 'not-found', message: `${subject.kind} ${subject.id}: unknown` } as const;
      const id = `fbk-${randomBytes(10).toString('hex')}`;
      const about = { id, atMs, actor, subject, verdict: kind, reason };
      const verdict: Verdict = { ...about, ...featuresOf(evidence) };
      await parts.feedback.addVerdict(verdict);
      const incident = subject.kind === 'incident' ? subject.id : '';
      const text = `${kind} on ${subject.kind} ${subject.id}: ${reason}`;
      await parts.steps.append({ atMs, actor, action: 'feedback', incident, order: '', text });
      const offered = kind === 'false-positive' ? await this.offer(parts, evidence, atMs) : null;
      return {
        verdict,
        ...(offered ?? { proposals: [], preview: null }),
        incident: await parts.incidents.get(incident),
      };
    });
    if ('declined' in given) return given;
    const { incident, ...rest } = given;
    this.parts.count(kind);
    await this.parts.learn();
    this.tell(incident, rest.verdict);
    return rest;
  }

  private tell(incident: Incident | null, { verdict, reason, actor }: Verdict): void {
    if (incident === null) return;
    const text = `Called ${verdict === 'true-positive' ? 'real' : 'a false alarm'}: ${reason}`;
    this.parts.notify(aboutIncident('feedback', incident, { text, orders: [], actor }));
  }

  private async offer(
    { feedback }: FeedbackTransaction,
    evidence: readonly Evidence[],
    nowMs: number,
  ): Promise<{ proposals: readonly Proposal[]; preview: Preview }> {
    const past = await feedback.history(workloadsOf(evidence), nowMs - BACK_MS, ALERTS);
    const proposals = propose(evidence, earlierOf(past, evidence));
    const rules = proposals.map((one) => ruleOf(one, { reason: '', expiresMs: nowMs + 1 }));
    const hashers = this.parts.hashKeys().map(hasherOf);
    const means: Means = (compared) => meansHashed(compared, hashers);
    return { proposals, preview: preview(rules, past, { nowMs, means }) };
  }

  async except(asked: Parameters<Feedback['except']>[0]): Promise<Excepted | Declined> {
    const { actor, leaseMs } = asked;
    const nowMs = this.parts.nowMs();
    const result = await this.parts.store.transaction(async (parts): Promise<Excepted | Declined> => {
      const verdict = await parts.feedback.verdict(asked.verdict);
      if (verdict === null) return { declined: 'not-found', message: `verdict ${asked.verdict}: unknown` };
      if (verdict.verdict !== 'false-positive')
        return { declined: 'conflict', message: `verdict ${verdict.id}: it says that this was real` };
      const reason = asked.reason || verdict.reason;
      const evidence = await parts.feedback.evidence(verdict.subject);
      const offered = await this.offer(parts, evidence, nowMs);
      const refused = this.refusal(offered);
      if (refused !== null) return refused;
      const expiresMs = nowMs + leaseMs;
      const exceptions = offered.proposals.map(
        (one): MadeException => ({
          ...ruleOf(one, { reason, expiresMs }),
          actor,
          madeMs: nowMs,
          verdict: verdict.id,
          revokedMs: 0,
          revokedBy: '',
        }),
      );
      for (const made of exceptions) {
        await parts.feedback.addException(made);
        const text = `exception ${made.name} for ${made.workload}, ${made.detector}, ${JSON.stringify(made.facts)}: ${reason}`;
        await parts.steps.append({ atMs: nowMs, actor, action: 'except', incident: '', order: '', text });
      }
      return { exceptions, preview: offered.preview };
    });
    if ('declined' in result) return result;
    for (const _ of result.exceptions) this.parts.count('exception');
    await this.load();
    return result;
  }

  private refusal({
    proposals,
    preview: shown,
  }: {
    proposals: readonly Proposal[];
    preview: Preview;
  }): Declined | null {
    const [real] = shown.called;
    if (real !== undefined)
      return { declined: 'conflict', message: `it would hide alert ${real}, which was called real` };
    if (proposals.length === 0) return { declined: 'conflict', message: 'there is nothing to except' };
    if (this.rules().length + proposals.length > EXCEPTIONS)
      return { declined: 'conflict', message: `more than ${EXCEPTIONS} exceptions would be in force` };
    return null;
  }

  async revoke({
    name,
    actor,
    reason,
  }: Parameters<Feedback['revoke']>[0]): Promise<{ name: string } | Declined> {
    const atMs = this.parts.nowMs();
    const done = await this.parts.store.transaction(async ({ feedback, steps }) => {
      if (!(await feedback.revoke(name, { actor, atMs }))) return false;
      await steps.append({
        atMs,
        actor,
        action: 'revoke',
        incident: '',
        order: '',
        text: `exception ${name}: ${reason}`,
      });
      return true;
    });
    if (!done)
      return { declined: 'not-found', message: `exception ${name}: none that a person made is in force` };
    this.parts.count('revoked');
    await this.load();
    return { name };
  }

  exceptions(most: number): Promise<readonly ExceptionView[]> {
    const nowMs = this.parts.nowMs();
    return this.parts.store.transaction(({ feedback }) => feedback.exceptions(nowMs, most));
  }
  verdicts(most: number): Promise<readonly Verdict[]> {
    return this.parts.store.transaction(({ feedback }) => feedback.verdicts(most));
  }
}

export function createFeedback(parts: FeedbackParts): Feedback {
  return new StoredFeedback(parts);
}
