/**
 * What each detector is worth, and what bad circumstances cost: the same recordings, replayed in other ways. A detector that is
 * left out is on trial: it looks and learns as ever, but no alert stands on it.
 */
import { UNKNOWN } from '../../../agent/alerts/unknown.ts';
import type { ReplayOptions } from './replay.ts';
import type { Scored } from './score.ts';
import type { Truth } from './truth.ts';

/** A part of what was scored. */
export interface View {
  readonly name: string;
  truth(truth: Truth): Truth;
}

export interface Variant {
  /** The detector that it is about, whose cost is told beside it. */
  readonly detector?: string;
  /** `truth`: of the recording that is replayed. */
  options(truth: Truth): Partial<ReplayOptions>;
  readonly views: readonly View[];
}

/** What speaks besides rules. */
const MODELS = [
  'rarity',
  'sequence',
  'volume',
  'surge',
  'rhythm',
  'shape',
  'replica',
  'access',
  'dns-labels',
  'session-reach',
  UNKNOWN,
] as const;
const SHORT_S = 120;
const LOST = 0.2;
/** As long as learning is meant to take. */
export const LEARN_S = 600;

const whole = (truth: Truth): Truth => truth;

/** Scored from so many seconds later on. */
export const later =
  (seconds: number) =>
  (truth: Truth): Truth => ({ ...truth, from: truth.from + seconds });

/** Scored until then. */
const until =
  (seconds: number) =>
  (truth: Truth): Truth => ({ ...truth, to: Math.min(truth.to, truth.from + seconds) });

/** Only containers that began when all was learnt: after restarts, rollouts and scaling. */
function begunLater(truth: Truth): Truth {
  const containers = new Map([...truth.containers].filter(([, { start }]) => start > truth.from));
  return { ...truth, containers, labels: truth.labels.filter(({ container }) => containers.has(container)) };
}

const plain = (name: string, options: Variant['options']): Variant => ({
  options,
  views: [{ name, truth: whole }],
});

const without = (name: string, isIt: (detector: string) => boolean): Variant => ({
  ...plain(`without ${name}`, () => ({ onTrial: isIt })),
  detector: name,
});
const alone = (name: string, isIt: (detector: string) => boolean): Variant => ({
  ...plain(`${name} alone`, () => ({ onTrial: (detector) => !isIt(detector) })),
  detector: name,
});

/** `isRule`: whether a detector is one of the rules in force. */
export function variantsOf(isRule: (detector: string) => boolean): Variant[] {
  const each = MODELS.map((name) => [name, (detector: string): boolean => detector === name] as const);
  const parts = [['rules', isRule] as const, ...each];
  return [
    {
      options: () => ({}),
      views: [
        { name: 'as shipped', truth: whole },
        { name: 'begun after learning', truth: begunLater },
      ],
    },
    plain('nothing on trial', () => ({ onTrial: () => false })),
    plain('learning 2 min', (truth) => ({ from: truth.from - SHORT_S })),
    plain('20 % lost', () => ({ drop: LOST })),
    {
      options: (truth) => ({ from: truth.from }),
      views: [
        { name: 'while it learns', truth: until(LEARN_S) },
        { name: 'learnt under attack', truth: later(LEARN_S) },
      ],
    },
    plain('all restarted', (truth) => ({ restartAt: truth.from })),
    plain('other images', (truth) => ({ imagesFrom: truth.from })),
    plain('restarted, other images', (truth) => ({ imagesFrom: truth.from, restartAt: truth.from })),
    ...parts.map(([name, isIt]) => without(name, isIt)),
    ...parts.map(([name, isIt]) => alone(name, isIt)),
  ];
}

const share = (judged: Scored['judged'], variant: string | null): string => {
  const some = judged.filter(({ label }) => variant === null || label.variant === variant);
  return `${some.filter(({ hits }) => hits.length > 0).length}/${some.length}`;
};

export const ABLATIONS_HEADER = [
  ''.padEnd(24),
  ...['found', 'plain', 'slow', 'mimicry', 'false', 'hours', 'CPU %', 'us/window', 'KiB'].map((name) =>
    name.padStart(9),
  ),
].join(' ');

/** One line of the table: of all recordings together; `own`: what the detector it is about costs, as shipped. */
export function ablationRow(
  name: string,
  scored: readonly Scored[],
  cost: { cpuSeconds: number; seconds: number },
  own: readonly [string, string] = ['', ''],
): string {
  const judged = scored.flatMap((one) => one.judged);
  const falseAlerts = scored.reduce((sum, one) => sum + one.falseAlerts.length, 0);
  const hours = scored.reduce((sum, one) => sum + one.containerHours, 0);
  const cells = [
    ...[null, 'plain', 'slow', 'mimicry'].map((variant) => share(judged, variant)),
    String(falseAlerts),
    hours.toFixed(1),
    ((100 * cost.cpuSeconds) / cost.seconds).toFixed(2),
    ...own,
  ];
  return [name.padEnd(24), ...cells.map((cell) => cell.padStart(9))].join(' ').trimEnd();
}
