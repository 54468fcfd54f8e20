/** Reads the documents that say who is told what: PicketNotifier and PicketSilence. */
import { createHash } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import { SEVERITIES } from '../ingest/report.ts';
import { at, list, type Mapping, mapping, Reader } from '../respond/document.ts';
import { type Context, KINDS, type Made } from './kinds.ts';
import { EVENTS, type NotificationEvent } from './notifier.ts';
import { isEvent, type Match, type Silence } from './route.ts';

const API_VERSION = 'picket.dev/v1alpha1';
/** So that a name fits into a path and a label. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const GROUP = { minMs: 0, maxMs: 86_400_000 };

export interface NotifierDocument {
  readonly name: string;
  readonly type: string;
  /** SHA-256 of the document: one that did not change keeps its queue when the file is read again. */
  readonly version: string;
  readonly match: Match;
  readonly groupMs: number;
  readonly perMinute: number;
  make(): Made;
}
export interface NotifyDocuments {
  readonly notifiers: readonly NotifierDocument[];
  readonly silences: readonly Silence[];
}

/** All violations at once; each names document, path and value. */
export class NotifyError extends Error {
  readonly code = 'PICKET_NOTIFY';
  constructor(violations: readonly string[]) {
    super(`notify-file: ${violations.length} problem(s)\n${violations.map((one) => `  ${one}`).join('\n')}`);
    this.name = 'NotifyError';
  }
}

function eventsOf(reader: Reader, match: Mapping): readonly NotificationEvent[] {
  const field = at(match, 'events');
  const events = list(reader, field, []);
  for (const event of events)
    if (!isEvent(event)) reader.violation(field, `${event}: there are ${EVENTS.join(', ')}`);
  return events.filter(isEvent);
}
const places = (reader: Reader, match: Mapping) => ({
  namespaces: list(reader, at(match, 'namespaces'), []),
  clusters: list(reader, at(match, 'clusters'), []),
});

function readNotifier(
  reader: Reader,
  spec: Mapping,
  head: { name: string; version: string },
  context: Context,
): NotifierDocument | null {
  const named = at(spec, 'type');
  const type = reader.choice(named, Object.keys(KINDS), null);
  const kind = KINDS[type];
  // What its target should be is not known then.
  if (kind === undefined || type !== named.value) return null;
  const match = mapping(reader, at(spec, 'match'), ['namespaces', 'clusters', 'events', 'minSeverity']);
  const groupMs = reader.duration(at(spec, 'group'), GROUP, 0);
  if (groupMs > 0 && !kind.grouped)
    reader.violation(at(spec, 'group'), `${type} takes one notification at a time`);
  const events = eventsOf(reader, match);
  if (kind.pages && events.includes('canary'))
    reader.violation(at(match, 'events'), `canary: ${type} calls people, and nothing is wrong`);
  const target = mapping(reader, at(spec, 'target'), kind.fields);
  // Made once to hear what is wrong with it; the one that is used is made when it is put in force.
  const make = (): Made => kind.make(new Reader('', []), target, context);
  void kind.make(reader, target, context).channel.close();
  return {
    ...head,
    type,
    match: {
      ...places(reader, match),
      events,
      minSeverity: reader.choice(at(match, 'minSeverity'), SEVERITIES, 'info'),
    },
    groupMs,
    perMinute: reader.integer(at(spec, 'perMinute'), [1, 10_000], 60),
    make,
  };
}

function readSilence(reader: Reader, spec: Mapping, name: string): Silence {
  const match = mapping(reader, at(spec, 'match'), ['namespaces', 'clusters', 'events', 'maxSeverity']);
  const until = at(spec, 'until');
  if (until.value === undefined) reader.wanted(until, 'a time such as 2026-12-31T00:00:00Z');
  return {
    name,
    ...places(reader, match),
    events: eventsOf(reader, match),
    maxSeverity: reader.choice(at(match, 'maxSeverity'), SEVERITIES, 'critical'),
    untilMs: reader.time(until) ?? 0,
    reason: reader.text(at(spec, 'reason'), null),
  };
}

/** @throws NotifyError with every violation. */
export function parseNotify(text: string, context: Context): NotifyDocuments {
  const violations: string[] = [];
  const notifiers: NotifierDocument[] = [];
  const silences: Silence[] = [];
  const names = new Set<string>(['webhook', 'canary']);
  for (const [index, document] of parseAllDocuments(text).entries()) {
    const where = `document ${index + 1}`;
    for (const error of document.errors) violations.push(`${where}: ${error.message.split('\n')[0]}`);
    const value: unknown = document.errors.length > 0 ? null : document.toJS();
    if (value === null || value === undefined) continue;
    const reader = new Reader(where, violations);
    const root = mapping(reader, { path: '', value }, ['apiVersion', 'kind', 'metadata', 'spec']);
    reader.choice(at(root, 'apiVersion'), [API_VERSION], null);
    const kind = reader.choice(at(root, 'kind'), ['PicketNotifier', 'PicketSilence'] as const, null);
    const named = at(mapping(reader, at(root, 'metadata'), ['name']), 'name');
    const name = reader.name(named);
    if (!NAME.test(name)) reader.violation(named, 'a name of a-z 0-9 -, up to 63 characters, is wanted');
    if (kind === 'PicketNotifier' && names.has(name))
      reader.violation(named, `${JSON.stringify(name)} is already a notifier`);
    if (kind === 'PicketSilence') {
      silences.push(
        readSilence(reader, mapping(reader, at(root, 'spec'), ['match', 'until', 'reason']), name),
      );
      continue;
    }
    names.add(name);
    const version = createHash('sha256').update(JSON.stringify(value)).digest('hex');
    const spec = mapping(reader, at(root, 'spec'), ['type', 'target', 'match', 'group', 'perMinute']);
    const made = readNotifier(reader, spec, { name, version }, context);
    if (made !== null) notifiers.push(made);
  }
  if (violations.length > 0) throw new NotifyError(violations);
  return { notifiers, silences };
}
