/**
 * Plays what was planned, one after the other, with the pauses left out; and puts the pauses back into the log. Everything
 * that the API server writes down while something is played belongs to its time: what controllers do because of it, too.
 */

import { decodeAudit } from '../../../central/audit/decode.ts';
import type { AuditEvent } from '../../../central/audit/event.ts';
import type { Planned, Technique, Town } from './day.ts';
import type { Caller, People } from './people.ts';

export interface Played {
  readonly planned: Planned;
  /** On the clock of the machine, ms. */
  readonly from: number;
  readonly to: number;
  readonly callers: readonly Caller[];
}

/** How long controllers get to begin with what was asked of them. */
const SETTLE_MS = 150;

export async function play(
  plan: readonly Planned[],
  { people, townOf, say }: { people: People; townOf: (day: number) => Town; say: (line: string) => void },
): Promise<Played[]> {
  const played: Played[] = [];
  for (const planned of plan) {
    people.called.clear();
    const from = Date.now();
    await planned.errand.run(townOf(Math.floor(planned.minute / 1440)));
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const to = Date.now();
    played.push({ planned, from, to, callers: [...people.called.values()] });
    say(`${planned.technique === null ? ' ' : '!'} ${planned.errand.name} ${to - from} ms`);
  }
  return played;
}

export interface LabelledTechnique {
  readonly name: string;
  readonly covers: readonly string[];
  readonly callers: readonly Caller[];
  readonly time: string;
}
/** What belongs to a technique, by the id of the request. */
export interface Label {
  readonly technique: string;
  /** The technique itself, and not only what leads to it. */
  readonly deed: boolean;
}
export interface Labels {
  readonly seed: number;
  readonly days: number;
  readonly techniques: readonly LabelledTechnique[];
  readonly events: Readonly<Record<string, Label>>;
}

/** Monday of a week in which nothing else happened. */
const MONDAY = Date.parse('2026-03-02T00:00:00Z');

/** When each began in the days that were played; one that took longer than its pause puts the next off. */
function daytimes(played: readonly Played[]): { from: number; to: number; at: number }[] {
  let free = MONDAY;
  return played.map(({ planned, from, to }) => {
    const at = Math.max(free, MONDAY + Math.round(planned.minute * 60_000));
    free = at + (to - from);
    return { from, to, at };
  });
}

const inMicroseconds = (ms: number, like: string): string =>
  new Date(ms).toISOString().replace(/(\.\d{3})Z$/, `$1${/\.\d{3}(\d{3})Z$/.exec(like)?.[1] ?? '000'}Z`);

type Row = Record<string, unknown>;

/** The row as of its time of day. */
function shifted(row: Row, by: number): Row {
  const moved = (name: string): Row => {
    const said = row[name];
    return typeof said === 'string' ? { [name]: inMicroseconds(Date.parse(said) + by, said) } : {};
  };
  return { ...row, ...moved('requestReceivedTimestamp'), ...moved('stageTimestamp') };
}

function labelOf(event: AuditEvent, { planned, callers }: Played): Label | null {
  const { technique } = planned;
  if (technique === null) return null;
  const own = callers.some(({ user, address }) => user === event.user && address === event.sources.at(-1));
  return own ? { technique: technique.name, deed: (technique as Technique).isDeed(event) } : null;
}

/** The API server's log of what was played, in its order, and what in it is whose. */
export function record(
  log: readonly string[],
  played: readonly Played[],
  seed: number,
): { rows: Row[]; labels: Labels } {
  const times = daytimes(played);
  const rows: Row[] = [];
  const events: Record<string, Label> = {};
  for (const line of log) {
    const row = JSON.parse(line) as Row;
    const real = Date.parse(String(row['requestReceivedTimestamp']));
    const index = times.findLastIndex(({ from }) => from <= real);
    const [time, was] = [times[index], played[index]];
    if (time === undefined || was === undefined) continue;
    // The last one's followers are kept for as long as those of the others.
    if (real > (times[index + 1]?.from ?? time.to)) continue;
    const moved = shifted(row, time.at - time.from);
    rows.push(moved);
    const event = decodeAudit(moved);
    const label = event === null ? null : labelOf(event, was);
    if (event !== null && label !== null && label.deed >= (events[event.id]?.deed ?? false))
      events[event.id] = label;
  }
  const techniques = played.flatMap(({ planned: { technique }, callers }, index) =>
    technique === null
      ? []
      : [
          {
            name: technique.name,
            covers: technique.covers,
            callers,
            time: new Date(times[index]?.at ?? 0).toISOString(),
          },
        ],
  );
  const days = 1 + Math.floor((played.at(-1)?.planned.minute ?? 0) / 1440);
  return { rows, labels: { seed, days, techniques, events } };
}
