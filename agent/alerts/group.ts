/**
 * One cause, one alert: detections of a container join the alert of the same process lineage while it is open. An
 * alert stays open until nothing joined it for `groupForNs`. The first detection, a worse severity and a detector
 * that joins are told at once; all else at the next tick.
 */
import type { Alert } from './alert.ts';
import type { Detection, Origin } from './detection.ts';
import { idOf } from './detection.ts';
import { explainAgreement, explainQuality } from './explain.ts';
import { rankOf, type Severity, shift, worst } from './severity.ts';

/** A detection that has not been given its alert yet, and what the alert is to say about it. */
export interface Finding {
  readonly detection: Omit<Detection, 'alert'>;
  readonly explanation: string;
  /** Where to look next, or empty. */
  readonly next: string;
  /** Keys of the process and those above it in the container. */
  readonly lineage: readonly string[];
  /** What names the first detection of an alert. */
  readonly origin: Origin;
}

const MAX_OPEN = 1024;
const MAX_SENTENCES = 12;
const MAX_LINEAGE = 256;

interface Open {
  readonly id: string;
  readonly container: string;
  readonly lineage: Set<string>;
  readonly scores: Map<string, { score: number; severity: Severity }>;
  readonly techniques: Set<string>;
  readonly sentences: string[];
  readonly next: Set<string>;
  readonly first: Omit<Detection, 'alert'>;
  last: Omit<Detection, 'alert'>;
  title: string;
  titleRank: number;
  count: number;
  unsaid: number;
  revision: number;
  changed: boolean;
}

export class Groups {
  readonly #groupForNs: bigint;
  readonly #emit: (alert: Alert) => void;
  readonly #open = new Map<string, Open>();

  constructor(options: { groupForNs: bigint; emit: (alert: Alert) => void }) {
    this.#groupForNs = options.groupForNs;
    this.#emit = options.emit;
  }

  get open(): number {
    return this.#open.size;
  }

  /** The alert that the finding belongs to; made when there is none. To be followed by `add`. */
  alertOf(finding: Finding): string {
    const { detection, lineage, origin } = finding;
    const found = this.#find(detection, lineage);
    if (found !== undefined) return found.id;
    const id = idOf('alr', origin, detection.detector, `${detection.container.id} ${detection.id}`);
    this.#make(id, finding);
    return id;
  }

  /** Adds the finding to its alert, and tells the alert where it became news. */
  add(id: string, finding: Finding): void {
    const alert = this.#open.get(id);
    if (alert === undefined) return;
    const before = severityOf(alert);
    const joined = !alert.scores.has(finding.detection.detector);
    this.#join(alert, finding);
    if (joined || rankOf(severityOf(alert)) > rankOf(before)) this.#tell(alert);
    else alert.changed = true;
  }

  /** Tells what changed and closes what has been quiet for long enough. */
  tick(now: bigint): void {
    for (const [id, alert] of this.#open) {
      if (alert.changed) this.#tell(alert);
      if (now - alert.last.timeNs >= this.#groupForNs) this.#open.delete(id);
    }
  }

  #find(detection: Omit<Detection, 'alert'>, lineage: readonly string[]): Open | undefined {
    let latest: Open | undefined;
    for (const alert of this.#open.values()) {
      if (alert.container !== detection.container.id) continue;
      if (detection.timeNs - alert.last.timeNs >= this.#groupForNs) continue;
      if (lineage.some((key) => alert.lineage.has(key))) return alert;
      if (latest === undefined || alert.last.timeNs >= latest.last.timeNs) latest = alert;
    }
    // Without a process there is no lineage to compare; the container's latest alert is the likeliest cause.
    return lineage.length === 0 ? latest : undefined;
  }

  #make(id: string, { detection }: Finding): void {
    const [oldest] = this.#open.keys();
    if (this.#open.size >= MAX_OPEN && oldest !== undefined) {
      const forced = this.#open.get(oldest);
      if (forced?.changed) this.#tell(forced);
      this.#open.delete(oldest);
    }
    this.#open.set(id, {
      id,
      container: detection.container.id,
      lineage: new Set(),
      scores: new Map(),
      techniques: new Set(),
      sentences: [],
      next: new Set(),
      first: detection,
      last: detection,
      title: '',
      titleRank: -1,
      count: 0,
      unsaid: 0,
      revision: 0,
      changed: false,
    });
  }

  #join(alert: Open, { detection, explanation, next, lineage }: Finding): void {
    const { detector, severity, score } = detection;
    const known = alert.scores.get(detector);
    alert.scores.set(detector, {
      score: Math.max(score, known?.score ?? 0),
      severity: worst(severity, known?.severity ?? severity),
    });
    if (rankOf(severity) > alert.titleRank) {
      alert.title = `${detection.summary} in ${detection.container.identity.workload}`;
      alert.titleRank = rankOf(severity);
    }
    for (const technique of detection.techniques) alert.techniques.add(technique);
    for (const key of lineage) if (alert.lineage.size < MAX_LINEAGE) alert.lineage.add(key);
    if (!alert.sentences.includes(explanation)) {
      if (alert.sentences.length < MAX_SENTENCES) alert.sentences.push(explanation);
      else alert.unsaid += 1;
    }
    if (next !== '') alert.next.add(next);
    if (detection.timeNs >= alert.last.timeNs) alert.last = detection;
    alert.count += 1;
  }

  #tell(alert: Open): void {
    alert.revision += 1;
    alert.changed = false;
    const detectors = [...alert.scores.keys()];
    const explanation = [...alert.sentences];
    if (alert.unsaid > 0)
      explanation.push(`${alert.unsaid} more reason(s) of the same kinds are left out here.`);
    if (detectors.length > 1) explanation.push(explainAgreement(detectors));
    const quality = explainQuality(alert.last.quality);
    explanation.push(quality, ...alert.next);
    this.#emit({
      id: alert.id,
      revision: alert.revision,
      severity: severityOf(alert),
      score: scoreOf(alert),
      firstNs: alert.first.timeNs,
      lastNs: alert.last.timeNs,
      firstWallMs: alert.first.wallMs,
      lastWallMs: alert.last.wallMs,
      container: alert.last.container,
      title: alert.title,
      explanation,
      detectors,
      techniques: [...alert.techniques],
      count: alert.count,
      quality: alert.last.quality.complete ? '' : quality,
    });
  }
}

/** Chance that not all detectors are wrong, as if they were independent (noisy-or), to four digits. */
function scoreOf(alert: Open): number {
  let wrong = 1;
  for (const { score } of alert.scores.values()) wrong *= 1 - score;
  return Math.round((1 - wrong) * 10_000) / 10_000;
}

/** The worst of its detectors; one step more when three agree on at least medium. */
function severityOf(alert: Open): Severity {
  const severities = [...alert.scores.values()].map((entry) => entry.severity);
  const most = severities.reduce<Severity>(worst, 'info');
  const agreeing = severities.filter((severity) => rankOf(severity) >= rankOf('medium')).length;
  return agreeing >= 3 ? shift(most, 1) : most;
}
