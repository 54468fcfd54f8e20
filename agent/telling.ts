/** From a verdict to what is told: it is weighed as evidence, made a detection and grouped into an alert. */
import type { Means } from '../kit/exception.ts';
import { ACCESS } from './alerts/access.ts';
import type { Alert } from './alerts/alert.ts';
import { type Detection, idOf, type Origin, type Quality } from './alerts/detection.ts';
import { detectorLabel } from './alerts/detectors.ts';
import { Exceptions, excepted } from './alerts/exceptions.ts';
import { type Finding, Groups } from './alerts/group.ts';
import { RARITY, type Verdict } from './alerts/judge.ts';
import { inShadow } from './alerts/numbers.ts';
import { podEvidence } from './alerts/pod-state.ts';
import { REPLICA } from './alerts/replica.ts';
import { SEQUENCE } from './alerts/sequence.ts';
import { rankOf } from './alerts/severity.ts';
import { UNKNOWN } from './alerts/unknown.ts';
import { VOLUME } from './alerts/volume.ts';
import type { Case } from './case.ts';
import { actorOf, evidenceOf, lineageKeys, peerEvidence, sumOf } from './circumstances.ts';
import type { Container } from './identity/container.ts';
import type { ContainerState } from './identity/pods.ts';
import { processKey } from './identity/processes.ts';
import type { Registry } from './models/registry.ts';
import { explainJob, isJob } from './situation/jobs.ts';
import type { Role } from './situation/roles.ts';
import { MAX_TOLD, type Watched } from './watched.ts';
import { DISCOUNT, Weigh, type Weight, YOUNG } from './weigh.ts';

export interface TellingOptions {
  readonly node: string;
  readonly boot: string;
  readonly bootNs: bigint;
  readonly wallMs: number;
  readonly settings: {
    readonly shadow: Pick<ReadonlySet<string>, 'has'>;
    readonly groupForMs: number;
    readonly budgetNs: bigint;
  };
  readonly registry: Registry;
  /** How the container's pod says that it fares, or null. */
  readonly stateOf: (container: Container) => ContainerState | null;
  readonly sink: { detection(detection: Detection): void; alert(alert: Alert): void };
  /** Of an exception's pattern and a value that is not told as it is. */
  readonly means?: Means;
}

/** Detectors that speak by evidence; all others are rules, or findings about what was not seen. */
const MODELS: ReadonlySet<string> = new Set([RARITY, SEQUENCE]);
const ALERTS_FROM = rankOf('medium');
/**
 * Kinds of evidence that are counted over a window. Who is told to end does what it never did, and then less than ever: an
 * alert does not stand on that alone before the container has outlived the next window.
 */
const COUNTED: ReadonlySet<string> = new Set(['syscall', 'compat', 'pair', VOLUME, 'shape']);
/** Another program makes other numbers: they follow from what was done, and are no second sign of it. */
const OF_NUMBERS: ReadonlySet<string> = new Set([VOLUME, ACCESS, REPLICA, 'shape']);

/** It speaks by evidence. */
const isOfModel = ({ bits, detector }: Verdict): boolean => bits > 0 || MODELS.has(detector);

/**
 * Of the bits of what a workload does in a window in which somebody entered from outside: it may be what he told it to, as who
 * reloads a server or has it open its logs anew. Rules weigh as ever, and so does a peer that the workload itself calls for the
 * first time: who is at work in a container reaches others by processes of his own, which are told as his.
 */
const BESIDE = 1 / 2;
const BESIDE_REASON =
  'Somebody was at work in the container at that time: what the workload did anew may be what it was told to, and counts half.';
const isBeside = ({ sessions }: Watched, role: Role, { kind }: Verdict): boolean =>
  role.kind === 'own' &&
  kind !== 'connect' &&
  // The numbers of a window are those of that window.
  (OF_NUMBERS.has(kind) ? sessions.visited : sessions.visitedLately);

export class Telling {
  readonly counts = { detections: 0, suppressed: 0, alerts: 0 };
  readonly weigh: Weigh;
  readonly exceptions: Exceptions;
  readonly #options: TellingOptions;
  readonly #groups: Groups;
  #anchor: { readonly bootNs: bigint; readonly wallMs: number };

  constructor(options: TellingOptions) {
    this.#options = options;
    this.exceptions = new Exceptions(options.means);
    this.#anchor = options;
    this.weigh = new Weigh({ registry: options.registry, budgetNs: options.settings.budgetNs });
    this.#groups = new Groups({
      groupForNs: BigInt(Math.round(options.settings.groupForMs)) * 1_000_000n,
      emit: (alert) => {
        this.counts.alerts += 1;
        options.sink.alert(alert);
      },
    });
  }

  get openAlerts(): number {
    return this.#groups.open;
  }

  /** One instant on both clocks: from now on it says what time it is. */
  anchor(instant: { readonly bootNs: bigint; readonly wallMs: number }): void {
    this.#anchor = { bootNs: instant.bootNs, wallMs: instant.wallMs };
  }

  /** Unix time, ms, of a time since boot. */
  wallOf(timeNs: bigint): number {
    return this.#anchor.wallMs + Number(timeNs - this.#anchor.bootNs) / 1e6;
  }

  /** The container outlived the window in which what was counted would have been enough: it was not its end. */
  outlived(watched: Watched): void {
    if (watched.waiting === null || watched.waiting.since === watched.window.startNs) return;
    const { alert, strong } = watched.waiting;
    this.#stands(watched, this.#groups.stand(alert, strong));
  }

  /** Whether an alert about the container is open. */
  isAlerted(watched: Watched): boolean {
    return this.#groups.isOpen(watched.container.id);
  }

  /** Tells what changed and closes what is over. */
  tick(now: bigint): void {
    this.#groups.tick(now);
  }

  /** Nobody is told: there was too much of the kind. */
  suppress(): void {
    this.counts.suppressed += 1;
  }

  found(judged: Verdict, found: Case): void {
    const { watched, fact, situation } = found;
    if (watched.foldedUntilNs > found.when.timeNs && isOfModel(judged)) {
      if (judged.flags && fact !== null) watched.flag(fact, false);
      this.suppress();
      return;
    }
    const verdict = this.#options.settings.shadow.has(judged.detector) ? inShadow(judged) : judged;
    // Each verdict becomes a finding once, and before what follows from it changes what it tells of.
    let finding: Finding | null = null;
    if (this.exceptions.mayCover(watched.container.identity.workload, verdict.detector)) {
      finding = this.#finding(verdict, found);
      if (this.#isExcepted(finding, watched)) return;
    }
    if (verdict.flags && fact !== null) watched.flag(fact, verdict.detector !== RARITY);
    if (verdict.withholds && situation.role.kind !== 'session') this.#withhold(found);
    const weight = this.#weigh(verdict, found);
    const counted = COUNTED.has(verdict.kind);
    const byRule = !isOfModel(verdict);
    const grave = byRule && rankOf(verdict.severity) >= ALERTS_FROM;
    if (situation.role.kind === 'session' && grave) watched.sessions.strange(situation.role);
    watched.told += 1;
    if (situation.role.kind !== 'setup' && watched.told > MAX_TOLD) {
      this.counts.suppressed += 1;
      return;
    }
    finding ??= this.#finding(verdict, found);
    if (situation.role.kind === 'setup') this.#tellSetUp(finding, watched);
    else this.#tell(finding, watched, { grave, weight, counted });
  }

  /** What people said is normal is told, belongs to no cause, and is learnt. */
  #isExcepted({ detection }: Finding, watched: Watched): boolean {
    const exception = this.exceptions.of(detection, watched.looked);
    if (exception === null) return false;
    watched.told += 1;
    if (watched.told > MAX_TOLD) this.counts.suppressed += 1;
    else {
      this.counts.detections += 1;
      this.#options.sink.detection({ ...excepted(detection, exception), alert: '' });
    }
    return true;
  }

  /**
   * What comes with something that a rule knows as bad is not learnt: of a mature workload the whole window; while it is
   * learnt, when half of what there is may match some rule, only what descends from the same process.
   */
  #withhold({ watched, situation, event }: Case): void {
    const pid = event?.process.pid ?? 0;
    if (event === null || pid === 0 || situation.baseline.state === 'mature') watched.withhold();
    else watched.taint(processKey(pid, event.process.start));
  }

  /** Adds the verdict to the evidence in its container; null where it is none. */
  #weigh(verdict: Verdict, { watched, situation }: Case): Weight | null {
    const { role } = situation;
    // What people do is new too often to stand for itself: rules and session-reach say what of it is grave.
    if (role.kind === 'session') return null;
    const young = situation.baseline.state === 'mature' ? 1 : YOUNG;
    const bits = verdict.bits * young * DISCOUNT[role.kind] * (isBeside(watched, role, verdict) ? BESIDE : 1);
    if (bits <= 0) return null;
    const { kind, detector, summary: what, lasts, again = false } = verdict;
    const cause = OF_NUMBERS.has(kind) ? 'numbers' : role.root;
    const item = { kind, bits, what, detector };
    return this.weigh.add(watched, cause, lasts === undefined ? item : { ...item, lasts, again });
  }

  /** That it is a run of a job, and what is known of its runs; empty: it is none. */
  #jobOf({ container: { identity } }: Watched): string {
    if (!isJob(identity)) return '';
    return explainJob(identity, this.#options.registry.baseline(identity.workload).runs.describe());
  }

  #finding(verdict: Verdict, { watched, situation, when, event }: Case): Finding {
    const origin: Origin = { node: this.#options.node, boot: this.#options.boot, ...when };
    const { detector, severity, score, summary, subject, techniques, facts, explanation, next, bits } =
      verdict;
    const { role } = situation;
    const job = role.kind === 'own' ? this.#jobOf(watched) : '';
    const process = event === null ? null : actorOf(event, situation.lineage);
    const detection = {
      id: idOf('det', origin, detector, `${watched.container.id} ${subject}`),
      detector,
      severity,
      score,
      timeNs: when.timeNs,
      wallMs: this.wallOf(when.timeNs),
      container: watched.container,
      process,
      summary,
      techniques,
      facts: {
        ...facts,
        ...evidenceOf(event),
        ...peerEvidence(event, watched),
        ...podEvidence(this.#options.stateOf(watched.container)),
        ...(role.kind === 'own' ? {} : { context: role.kind }),
        ...(job === '' ? {} : { context: 'job' }),
        ...(isBeside(watched, role, verdict) ? { context: 'beside a session' } : {}),
        ...(role.kind === 'session' ? { session: role.root } : {}),
      },
      bits: Math.round(bits * 10) / 10,
      quality: this.#quality(watched),
    };
    const lineage = lineageKeys(situation.lineage, process);
    const beside = isBeside(watched, role, verdict) ? BESIDE_REASON : '';
    const reasons = [role.reason, beside, facts['rollout'] ?? '', job];
    const context = reasons.filter((reason) => reason !== '').join(' ');
    return { detection, explanation, next, context, lineage, origin };
  }

  /** What the runtime does as ever is told once for each entry and rule, and belongs to no cause. */
  #tellSetUp(finding: Finding, watched: Watched): void {
    const { detector, process } = finding.detection;
    if (!watched.maySaySetUp(`${process?.parentPid} ${detector}`)) {
      this.counts.suppressed += 1;
      return;
    }
    this.counts.detections += 1;
    this.#options.sink.detection({ ...finding.detection, alert: '' });
  }

  #tell(
    finding: Finding,
    watched: Watched,
    { grave, weight, counted }: { grave: boolean; weight: Weight | null; counted: boolean },
  ): void {
    this.counts.detections += 1;
    const { workload } = watched.container.identity;
    this.#options.registry.baseline(workload).history.care.tell(detectorLabel(finding.detection.detector));
    const alert = this.#groups.alertOf(finding);
    this.#options.sink.detection({ ...finding.detection, alert });
    const enough = weight?.enough ? { ...weight, items: watched.evidence.items() } : null;
    const waits = enough !== null && counted && !grave;
    const strong = waits ? null : enough;
    if (waits) {
      watched.waiting = { alert, strong: enough, since: watched.window.startNs };
      watched.disturbed = true;
    }
    const opened = this.#groups.add(alert, finding, { grave, strong });
    if (grave || strong !== null) watched.disturbed = true;
    // Nobody wrote a rule for it: it is an alarm as those by evidence are, and counts as one.
    if (opened && finding.detection.detector === UNKNOWN) watched.alarms += 1;
    if (strong !== null) this.#stands(watched, opened && !grave);
  }

  #stands(watched: Watched, alarm: boolean): void {
    watched.waiting = null;
    watched.evidence.told();
    if (alarm) watched.alarms += 1;
  }

  #quality(watched: Watched): Quality {
    const { window, lostBefore, lossesBefore, completeBefore, container } = watched;
    const baseline = this.#options.registry.baseline(container.identity.workload);
    return {
      lost: window.lost + lostBefore,
      losses: sumOf(lossesBefore, window.losses),
      complete: window.complete && completeBefore,
      baseline: baseline.state,
      periods: baseline.periods,
    };
  }
}
