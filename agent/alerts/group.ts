/**
 * One cause, one alert: detections of a container are gathered by process lineage until none came for `groupForNs`. A cause
 * becomes an alert with the first detection that is grave by itself, or with which the evidence of its container passes
 * the budget, and then carries what was gathered before. Of an alert a worse severity and a grave detector that joins are
 * told at once, and grave ones more when nothing was told for a second; else at the next tick, together with the weak ones of
 * the same window. What is weak alone joins silently.
 */
import type { Alert, Weighed } from './alert.ts';
import type { Detection, Origin } from './detection.ts';
import { idOf } from './detection.ts';
import { explainAgreement, explainEvidence, explainQuality } from './explain.ts';
import { rankOf, type Severity, shift, worst } from './severity.ts';

/** A detection that has not been given its alert yet, and what the alert is to say about it. */
export interface Finding {
  readonly detection: Omit<Detection, 'alert'>;
  readonly explanation: string;
  /** Where to look next, or empty. */
  readonly next: string;
  /** Who was at work, a sentence; empty for the workload itself. */
  readonly context: string;
  /** Keys of the process and those above it in the container. */
  readonly lineage: readonly string[];
  /** What names the first detection of an alert. */
  readonly origin: Origin;
}

/** Why a finding makes an alert; neither: it waits with its cause. */
export interface Reason {
  readonly grave: boolean;
  readonly strong:
    | (Omit<Weighed, 'grounds'> & { readonly items: readonly Weighed['grounds'][number][] })
    | null;
}

/** A grave detection that joins is told at once when nothing of the alert was told for so long, else at the next tick. */
const PAUSE_NS = 1_000_000_000n;
const MAX_OPEN = 1024;
const MAX_GROUNDS = 16;
const MAX_CONTEXTS = 4;
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
  /** Something weak joined that was not told yet; something grave was, since the last tick. */
  joined: boolean;
  news: boolean;
  /** It is an alert, no longer only a cause. */
  told: boolean;
  /** Time of the last detection that was told, ns. */
  toldNs: bigint;
  evidence: Weighed | null;
  readonly contexts: Set<string>;
}

export class Groups {
  readonly #groupForNs: bigint;
  readonly #emit: (alert: Alert) => void;
  readonly #open = new Map<string, Open>();

  constructor(options: { groupForNs: bigint; emit: (alert: Alert) => void }) {
    this.#groupForNs = options.groupForNs;
    this.#emit = options.emit;
  }

  /** Alerts that are open. */
  get open(): number {
    return [...this.#open.values()].filter(({ told }) => told).length;
  }

  /** Whether there is one about the container. */
  isOpen(container: string): boolean {
    for (const cause of this.#open.values()) if (cause.told && cause.container === container) return true;
    return false;
  }

  /** The alert that the finding belongs to, or will when its cause becomes one. To be followed by `add`. */
  alertOf(finding: Finding): string {
    const { detection, lineage, origin } = finding;
    const found = this.#find(detection, lineage);
    if (found !== undefined) return found.id;
    const id = idOf('alr', origin, detection.detector, `${detection.container.id} ${detection.id}`);
    this.#make(id, finding);
    return id;
  }

  /** Adds the finding to its cause, and tells the alert where it became news; true when that opened it. */
  add(id: string, finding: Finding, { grave, strong }: Reason): boolean {
    const alert = this.#open.get(id);
    if (alert === undefined) return false;
    const before = severityOf(alert);
    const joined = !alert.scores.has(finding.detection.detector);
    this.#join(alert, finding);
    if (strong !== null) this.#stand(alert, strong);
    if (!grave && strong === null) {
      // What is noted for completeness is no news of an alert that was told.
      alert.joined ||= finding.detection.severity !== 'info';
      return false;
    }
    alert.news = true;
    const opens = !alert.told;
    alert.told = true;
    const worse = rankOf(severityOf(alert)) > rankOf(before);
    const due = finding.detection.timeNs - alert.toldNs >= PAUSE_NS;
    if (opens || joined || worse || due) this.#tell(alert);
    else alert.changed = true;
    return opens;
  }

  /**
   * The evidence of what joined before is now believed; true when that opened the alert. Of one that was told before it is
   * no news that it stands on more.
   */
  stand(id: string, strong: NonNullable<Reason['strong']>): boolean {
    const alert = this.#open.get(id);
    if (alert === undefined) return false;
    const [opens, before] = [!alert.told, severityOf(alert)];
    this.#stand(alert, strong);
    alert.told = true;
    if (opens || severityOf(alert) !== before) this.#tell(alert);
    else alert.joined = true;
    return opens;
  }

  /** Tells what changed and closes what has been quiet for long enough. */
  tick(now: bigint): void {
    for (const [id, alert] of this.#open) {
      if (alert.changed || (alert.joined && alert.news)) this.#tell(alert);
      alert.news = false;
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
    if (this.#open.size >= MAX_OPEN) this.#makeRoom();
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
      joined: false,
      news: false,
      told: false,
      toldNs: detection.timeNs,
      evidence: null,
      contexts: new Set(),
    });
  }

  /** A cause that is no alert leaves first: by causes alone nobody closes an alert. */
  #makeRoom(): void {
    const [oldest] = this.#open.values();
    let leaving = oldest;
    for (const cause of this.#open.values()) {
      if (cause.told) continue;
      leaving = cause;
      break;
    }
    if (leaving === undefined) return;
    if (leaving.changed) this.#tell(leaving);
    this.#open.delete(leaving.id);
  }

  #join(alert: Open, { detection, explanation, next, lineage, context }: Finding): void {
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
    if (context !== '' && alert.contexts.size < MAX_CONTEXTS) alert.contexts.add(context);
    if (detection.timeNs >= alert.last.timeNs) alert.last = detection;
    alert.count += 1;
  }

  #stand(alert: Open, { items, ...standing }: NonNullable<Reason['strong']>): void {
    alert.evidence = { ...standing, grounds: items.slice(0, MAX_GROUNDS).map(groundOf) };
  }

  #tell(alert: Open): void {
    alert.revision += 1;
    alert.toldNs = alert.last.timeNs;
    alert.changed = false;
    alert.joined = false;
    const detectors = [...alert.scores.keys()];
    const explanation = [...alert.sentences];
    if (alert.evidence !== null) explanation.push(explainEvidence(alert.evidence));
    explanation.push(...alert.contexts);
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
      evidence: alert.evidence,
      context: [...alert.contexts],
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

const groundOf = ({
  detector,
  kind,
  bits,
  what,
}: Weighed['grounds'][number]): Weighed['grounds'][number] => ({
  detector,
  kind,
  bits: Math.round(bits * 10) / 10,
  what,
});

/** The worst of its detectors; one step more when three agree on at least medium. What passes the budget is medium at least. */
function severityOf(alert: Open): Severity {
  const found = severityOfDetectors(alert);
  return alert.evidence === null ? found : worst(found, 'medium');
}

function severityOfDetectors(alert: Open): Severity {
  const severities = [...alert.scores.values()].map((entry) => entry.severity);
  const most = severities.reduce<Severity>(worst, 'info');
  const agreeing = severities.filter((severity) => rankOf(severity) >= rankOf('medium')).length;
  return agreeing >= 3 ? shift(most, 1) : most;
}
