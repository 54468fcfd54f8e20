/** Figures as text for a terminal. */
import { countBound } from './bounds.ts';
import type { Figures, Found } from './figures.ts';

const MAX_FALSE = 40;

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const seconds = (value: number | null): string => (value === null ? '-' : value.toFixed(2));

function row(found: Found): string {
  const [low, high] = found.interval;
  return [
    found.name.padEnd(28),
    `${found.found}/${found.attacks}`.padStart(8),
    `${percent(low)}..${percent(high)}`.padStart(16),
    `${found.named}${found.nameless === 0 ? '' : `+${found.nameless}?`}`.padStart(7),
    String(found.inTime).padStart(8),
    seconds(found.median).padStart(8),
    seconds(found.p95).padStart(8),
  ].join(' ');
}

const HEADER = [
  ''.padEnd(28),
  'found'.padStart(8),
  '95 %'.padStart(16),
  'named'.padStart(7),
  'in time'.padStart(8),
  'median s'.padStart(8),
  'p95 s'.padStart(8),
].join(' ');

/** The promise beside what became of it. */
function promiseRow({ promise, containerHours }: Figures): string {
  const { budgetHours, own, pooled, none, rules } = promise;
  const alarms = own + pooled + none;
  const promised = budgetHours === null ? 'not known' : `one in ${budgetHours.toFixed(0)} h of a container`;
  const most = countBound(alarms) / containerHours;
  return (
    `promise: ${promised}, by evidence alone; alarms by evidence ${alarms} in ${containerHours.toFixed(2)} h, ` +
    `at most one in ${(1 / most).toFixed(1)} h (95 %): calibrated by the workload's own history ${own}, pooled ${pooled}, none ${none}; by rules ${rules}`
  );
}

/** Attacks one by one only where some were missed, unless all are asked for. */
export function printFigures(title: string, figures: Figures, all: boolean): string {
  const { falseAlerts, containerHours, bound } = figures;
  const attacks = figures.attacks.filter(({ found, attacks: n }) => all || found < n);
  const lines = [
    title,
    HEADER,
    row(figures.overall),
    ...figures.variants.map((found) => row({ ...found, name: `  ${found.name}` })),
    ...(attacks.length === 0 ? [] : [all ? 'attacks' : 'missed', ...attacks.map(row)]),
    ...(figures.overall.nameless === 0
      ? []
      : ['  +n?: found, but the label knows no process of it to compare with']),
    `false: ${falseAlerts} in ${containerHours.toFixed(2)} container-hours: ${(falseAlerts / containerHours).toFixed(3)} an hour, at most ${bound.toFixed(3)} (95 %)` +
      (falseAlerts === 0 ? '' : `; one in ${(containerHours / falseAlerts).toFixed(1)} h`) +
      `; neutral ${figures.neutral}, about nothing of the range ${figures.elsewhere}`,
    ...(figures.late === 0 ? [] : [`  ${figures.late} of them later lines of alerts about attacks`]),
    promiseRow(figures),
    ...figures.falseBy.slice(0, MAX_FALSE).map(({ what, count }) => `  ${String(count).padStart(4)} ${what}`),
  ];
  return `${lines.join('\n')}\n`;
}
