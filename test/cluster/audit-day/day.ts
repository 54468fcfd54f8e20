/** What happens in a day: errands of the town and techniques of attackers, each at its time, drawn by a seed. */
import type { AuditEvent } from '../../../central/audit/event.ts';
import type { Hand, People } from './people.ts';

export interface Town {
  readonly people: People;
  /** Number of the day, from 0. */
  readonly day: number;
  /** From 0 to 1, drawn by the seed. */
  readonly random: () => number;
  /** Folder of the charts. */
  readonly charts: string;
  /** Room for what is taken. */
  readonly folder: string;
  hand(name: string, address?: string): Promise<Hand>;
  /** A pod of a workload; the first that runs. */
  podOf(namespace: string, app: string): Promise<string>;
  /** For a certificate of this subject, in base64. */
  signingRequest(subject: string): Promise<string>;
}

export interface Errand {
  readonly name: string;
  run(town: Town): Promise<void>;
}

export interface Technique extends Errand {
  /** Of the list of behaviours that the project is to cover. */
  readonly covers: readonly string[];
  /** The request that is the technique itself, beside what leads to it. */
  isDeed(event: AuditEvent): boolean;
}

export interface Planned {
  readonly errand: Errand;
  /** Null: the town's own. */
  readonly technique: Technique | null;
  /** Minute of the first day at which it begins. */
  readonly minute: number;
}

/** An errand, when and how often. */
export interface Habit {
  readonly errand: Errand;
  /** Hours between which it happens, UTC. */
  readonly from: number;
  readonly to: number;
  /** How many times a day, about. */
  readonly times: number;
  /** On these days only; left out: every day. */
  readonly days?: readonly number[];
}

const DAY = 24 * 60;

export const one = <T>(list: readonly T[], random: () => number): T => {
  const found = list[Math.floor(random() * list.length)];
  if (found === undefined) throw new Error('nothing to choose from');
  return found;
};

export function planHabits(habits: readonly Habit[], day: number, random: () => number): Planned[] {
  return habits
    .filter(({ days }) => days?.includes(day) ?? true)
    .flatMap(({ errand, from, to, times }) => {
      const count = Math.max(1, Math.round(times * (0.7 + 0.6 * random())));
      return Array.from({ length: count }, () => ({
        errand,
        technique: null,
        minute: day * DAY + (from + random() * (to - from)) * 60,
      }));
    });
}

/** Each once, in an order and at times of the seed, apart from each other. */
export function planTechniques(
  techniques: readonly Technique[],
  { day, random, last }: { day: number; random: () => number; last: Technique },
): Planned[] {
  const order = techniques
    .filter((technique) => technique !== last)
    .map((technique) => ({ technique, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ technique }) => technique);
  const all = [...order, last];
  const step = (22 * 60) / all.length;
  return all.map((technique, index) => ({
    errand: technique,
    technique,
    minute: day * DAY + 60 + (index + 0.2 + 0.6 * random()) * step,
  }));
}
