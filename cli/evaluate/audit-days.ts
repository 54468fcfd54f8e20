/**
 * Recorded days of requests with labelled attacks, judged from an empty state as central would: which techniques are told,
 * and how many alerts have nothing of an attack in them. A technique counts as found when its very deed is told; what leads
 * to it, as the look around before it, does not count, and is no false alert either.
 */
import { readFileSync } from 'node:fs';
import type { AuditEvent } from '../../central/audit/event.ts';
import { Watch } from '../../central/audit/watch.ts';

/** What belongs to an attack, by the id of the request. */
export interface AuditLabel {
  readonly technique: string;
  /** The technique itself, and not only what leads to it. */
  readonly deed: boolean;
}
export interface AuditLabels {
  readonly days: number;
  readonly techniques: readonly { readonly name: string; readonly time: string }[];
  readonly events: Readonly<Record<string, AuditLabel>>;
}

export interface JudgedAlert {
  readonly id: string;
  /** Of the first request that it told of, ms. */
  readonly at: number;
  readonly severity: string;
  /** It opens an incident by itself. */
  readonly grave: boolean;
  readonly title: string;
  /** Techniques of which anything is told in it. */
  readonly techniques: readonly string[];
}
export interface JudgedDays {
  readonly events: number;
  /** By technique: told, and told gravely enough to open an incident. */
  readonly found: ReadonlyMap<string, { readonly told: boolean; readonly opens: boolean }>;
  readonly alerts: readonly JudgedAlert[];
}

/** @throws Error when the file holds something else. */
export function readLabels(path: string): AuditLabels {
  const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<AuditLabels>;
  if (typeof value.days !== 'number' || !Array.isArray(value.techniques) || typeof value.events !== 'object')
    throw new Error(`${path}: no labels of recorded days`);
  return value as AuditLabels;
}

export function judgeDays(
  events: readonly { event: AuditEvent; ms: number }[],
  { techniques, events: labels }: AuditLabels,
): JudgedDays {
  const watch = new Watch('evaluated');
  const found = new Map(techniques.map(({ name }) => [name, { told: false, opens: false }]));
  const alerts = new Map<string, JudgedAlert>();
  for (const { event, ms } of events) {
    watch.event(event, ms, []);
    const label = labels[event.id];
    // Whatever is told now is told because of this request.
    for (const { alert, grave } of watch.groups.take()) {
      const before = alerts.get(alert.id);
      const told = new Set(before?.techniques);
      if (label !== undefined) told.add(label.technique);
      const { severity, title } = alert;
      alerts.set(alert.id, {
        id: alert.id,
        at: before?.at ?? ms,
        severity,
        title,
        grave,
        techniques: [...told],
      });
      if (label?.deed === true)
        found.set(label.technique, {
          told: true,
          opens: grave || found.get(label.technique)?.opens === true,
        });
    }
  }
  return { events: events.length, found, alerts: [...alerts.values()] };
}

const DAY_MS = 86_400_000;

/** Alerts without anything of an attack, by day from the first: all, and those that open an incident. */
export function falseByDay(
  { alerts }: JudgedDays,
  { days, firstMs }: { days: number; firstMs: number },
): { all: number; grave: number }[] {
  const midnight = Math.floor(firstMs / DAY_MS) * DAY_MS;
  return Array.from({ length: days }, (_, day) => {
    const own = alerts.filter(
      ({ at, techniques }) => techniques.length === 0 && Math.floor((at - midnight) / DAY_MS) === day,
    );
    return { all: own.length, grave: own.filter(({ grave }) => grave).length };
  });
}
