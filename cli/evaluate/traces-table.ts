/** The table of the trace sets: one row of figures per protocol. *Rest* is what is asked and got where nothing is unknown. */
import type { TraceVerdict } from '../../agent/models/traces/trace-detector.ts';
import { achieved, auc, drAt } from './figures.ts';

export interface Judged {
  readonly normals: readonly TraceVerdict[];
  readonly attacks: readonly TraceVerdict[];
}

/** AUC, DR@1, DR@5 of the best simple baseline, and the aim. */
export interface Bars {
  readonly baseline: string;
  readonly aim: string;
}

export const HEAD = [
  'SET',
  'LEARNT',
  'NORMAL',
  'ATTACK',
  'AUC',
  'DR@1',
  'DR@5',
  'ASKED 1 %',
  'ASKED 5 %',
  'UNKNOWN',
  'REST 1 %',
  'REST 5 %',
  'BASELINE',
  'AIM',
];

const share = (value: number): string => value.toFixed(3);
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

/** One row of the table. `learnt` is the number of training units. */
export function figuresOf(name: string, learnt: number, { normals, attacks }: Judged, bars: Bars): string[] {
  const calm = normals.map(({ score }) => score);
  const strange = attacks.map(({ score }) => score);
  const rest = normals.filter(({ unknown }) => !unknown);
  return [
    name,
    String(learnt),
    String(normals.length),
    String(attacks.length),
    share(auc(calm, strange)),
    share(drAt(calm, strange, 0.01)),
    share(drAt(calm, strange, 0.05)),
    percent(achieved(normals, 0.01)),
    percent(achieved(normals, 0.05)),
    percent(1 - rest.length / normals.length),
    percent(achieved(rest, 0.01)),
    percent(achieved(rest, 0.05)),
    bars.baseline,
    bars.aim,
  ];
}
