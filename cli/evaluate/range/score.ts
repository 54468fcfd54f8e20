/**
 * Which alerts belong to which attack, and which to none: the range's own documented rules. An alert belongs to the most
 * recent attack whose container, or one involved in it, it is about, from 1 s before the attack's start to 15 s after its traces
 * were removed. About a container that replaces an attacked one, or during an attack that is not judged, it is neither
 * right nor wrong. What is left is false.
 */
import type { Label, LiveContainer, Truth } from './truth.ts';

/** One line of the alert log, as far as scoring needs it. */
export interface Told {
  /** alert or detection. */
  readonly kind: string;
  readonly id: string;
  /** Of what happened, Unix s. */
  readonly time: number;
  /** When it was told: what is only known at the end of a window is told then. */
  readonly at: number;
  readonly container: string;
  readonly pid: number;
  readonly exe: string;
  readonly detectors: readonly string[];
  readonly summary: string;
  /** The fact it is about, such as `connect 10.0.0.1:80`; empty: none. */
  readonly fact: string;
  readonly severity: string;
  /** 0 to 1. */
  readonly score: number;
  /** Id of the alert that it is or belongs to. */
  readonly alert: string;
  /** Of an alert by whose history the evidence was calibrated that it stands on; null: it stands on rules alone. */
  readonly tail: 'own' | 'pooled' | 'none' | null;
}

export interface FalseAlert {
  readonly told: Told;
  readonly container: LiveContainer | null;
  /** Operator action on that container at that time, or null: steady load. */
  readonly action: string | null;
}

export interface Judged {
  readonly label: Label;
  readonly hits: Told[];
}

export interface Scored {
  readonly judged: readonly Judged[];
  readonly falseAlerts: readonly FalseAlert[];
  /** About no container of the range. */
  readonly elsewhere: number;
  readonly neutral: number;
  readonly outside: number;
  /** Scored hours of containers, attack windows taken out. */
  readonly containerHours: number;
  readonly nodeDays: number;
}

const PRE_S = 1;
const GRACE_S = 15;
/** An action's own traces may come so long after it. */
const ACTION_S = 10;

const isContainer = (told: Told): boolean => /^[0-9a-f]{8,64}$/.test(told.container);

class Names {
  readonly #byId: ReadonlyMap<string, LiveContainer>;
  readonly #byPause = new Map<string, LiveContainer>();

  constructor(truth: Truth) {
    this.#byId = truth.containers;
    for (const container of truth.containers.values())
      if (container.pause !== '') this.#byPause.set(container.pause, container);
  }

  of(told: Told): LiveContainer | null {
    if (!isContainer(told)) return null;
    return this.#byId.get(told.container) ?? this.#byPause.get(told.container) ?? null;
  }
}

const concerns = (label: Label, container: string): boolean =>
  label.container === container || label.involved.some((entry) => entry.container === container);

function attackOf(told: Told, container: string, judged: readonly Judged[]): Judged | null {
  let found: Judged | null = null;
  for (const entry of judged) {
    const { label } = entry;
    if (told.time < label.start - PRE_S) break;
    if (told.time > Math.max(label.end, label.cleanEnd) + GRACE_S) continue;
    const byPid = told.pid !== 0 && label.processes.some(({ pid }) => pid === told.pid);
    if (byPid || (container !== '' && concerns(label, container))) found = entry;
  }
  return found;
}

function isNeutral(told: Told, container: LiveContainer, every: readonly Label[]): boolean {
  return every.some((label) => {
    const until = label.cleanEnd + GRACE_S;
    const replaces =
      container.workload === label.workload &&
      container.node === label.node &&
      told.time >= label.end &&
      told.time <= until;
    const during = container.id === label.container && told.time >= label.start - PRE_S && told.time <= until;
    return replaces || during;
  });
}

/** Scored seconds of a container without the attacks that concern it. */
function exposure(container: LiveContainer, truth: Truth, every: readonly Label[]): number {
  const from = Math.max(container.start, truth.from);
  const to = Math.min(container.stop, truth.to);
  if (to <= from) return 0;
  const spans = every
    .filter((label) => concerns(label, container.id))
    .map((label) => [Math.max(from, label.start - PRE_S), Math.min(to, label.cleanEnd + GRACE_S)] as const)
    .toSorted(([a], [b]) => a - b);
  let total = to - from;
  let at = from;
  for (const [start, end] of spans) {
    const begin = Math.max(start, at);
    if (end <= begin) continue;
    total -= end - begin;
    at = end;
  }
  return Math.max(0, total);
}

function actionAt(told: Told, container: LiveContainer | null, truth: Truth): string | null {
  const found = truth.actions.find(
    ({ start, end, containers }) =>
      told.time >= start - 1 &&
      told.time <= end + ACTION_S &&
      container !== null &&
      containers.includes(container.id),
  );
  return found?.action ?? null;
}

/** `nodes`: logical nodes of the range. */
export function score(truth: Truth, all: readonly Told[], nodes = 2): Scored {
  const names = new Names(truth);
  const byStart = (a: Label, b: Label): number => a.start - b.start;
  const every = truth.labels.filter(({ container }) => container !== '').toSorted(byStart);
  const judged: Judged[] = truth.labels
    .filter(({ outcome, start }) => {
      const reached = outcome === 'done' || outcome === 'partial';
      return reached && start >= truth.from && start <= truth.to;
    })
    .toSorted(byStart)
    .map((label) => ({ label, hits: [] }));
  const falseAlerts: FalseAlert[] = [];
  const counts = { elsewhere: 0, neutral: 0, outside: 0 };
  for (const told of all.toSorted((a, b) => a.time - b.time)) {
    if (told.time < truth.from - PRE_S || told.time > truth.to + GRACE_S) {
      counts.outside += 1;
      continue;
    }
    const container = names.of(told);
    const attack = attackOf(told, container?.id ?? '', judged);
    if (attack !== null) attack.hits.push(told);
    else if (container === null) counts.elsewhere += 1;
    else if (isNeutral(told, container, every)) counts.neutral += 1;
    else falseAlerts.push({ told, container, action: actionAt(told, container, truth) });
  }
  const seconds = [...truth.containers.values()].reduce((sum, c) => sum + exposure(c, truth, every), 0);
  return {
    judged,
    falseAlerts,
    ...counts,
    containerHours: seconds / 3600,
    nodeDays: ((truth.to - truth.from) / 86_400) * nodes,
  };
}

const IPV4 = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;

/** Whether the label has anything that what was told can be compared with: on a busy machine the range misses processes. */
export const isNameable = ({ processes, inProcess }: Label): boolean => processes.length > 0 || inProcess;

/** Whether what was told names a process or a peer of the attack, so that a person is led to the right one. */
export function namesIt(label: Label, told: Told): boolean {
  if (told.pid !== 0 && label.processes.some(({ pid }) => pid === told.pid)) return true;
  // Without a process of its own, the attack is the application's: any of its processes that did a new thing.
  if (label.inProcess && told.pid !== 0) return true;
  return (told.fact.match(IPV4) ?? []).some((peer) => label.text.includes(peer));
}
