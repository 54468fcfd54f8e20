/** The alert log of this machine's agent: filtered, readable, followed. */
import { join } from 'node:path';
import { EXIT, UsageError } from '../args.ts';
import { describeLine, followAlertLog, type RawLine, readAlertLog, SEVERITIES } from '../client/alert-log.ts';
import type { Call, Command } from '../command.ts';
import { parseDuration } from '../duration.ts';
import type { AllSettings } from '../settings.ts';

/** Where the agent writes, as its settings say. */
export function alertLogPath(values: AllSettings): string {
  return values['alert-log'] || join(values['state-folder'], 'agent', 'alerts.ndjson');
}

/** Unix ms from `10m` (ago) or an RFC 3339 time. */
function since(text: string | true | undefined, now: number): number {
  if (text === undefined || text === true) return 0;
  const time = Date.parse(text);
  return /^\d{4}-/.test(text) && !Number.isNaN(time) ? time : now - parseDuration('--since', text);
}

function severityRank(name: string | true | undefined): number {
  if (name === undefined || name === true) return Number.POSITIVE_INFINITY;
  const rank = SEVERITIES.indexOf(name as (typeof SEVERITIES)[number]);
  if (rank < 0) throw new UsageError(`alerts: --fail-on ${name} is not one of ${SEVERITIES.join(', ')}`);
  return rank;
}

function makeFilter(call: Call): (line: RawLine) => boolean {
  const kind = call.flags['kind'];
  if (kind !== undefined && kind !== 'detection' && kind !== 'alert')
    throw new UsageError(`alerts: --kind ${kind} is not one of detection, alert`);
  const from = since(call.flags['since'], Date.now());
  const named = call.flags['container'];
  return ({ value }) =>
    (kind === undefined || value.kind === kind) &&
    (from === 0 || Date.parse(value.time) >= from) &&
    (typeof named !== 'string' ||
      value.container?.id?.startsWith(named) === true ||
      value.container?.pod === named ||
      value.container?.workload === named);
}

async function run(call: Call): Promise<number> {
  const { io } = call;
  const wanted = makeFilter(call);
  const failOn = severityRank(call.flags['fail-on']);
  const path = alertLogPath(call.values);
  const found = { lines: 0, bad: false };
  const follow = call.flags['follow'] === true;
  const show = (line: RawLine): void => {
    if (!wanted(line)) return;
    found.lines += 1;
    found.bad ||= SEVERITIES.indexOf(line.value.severity as (typeof SEVERITIES)[number]) >= failOn;
    io.out(call.json ? `${line.text}\n` : `${describeLine(line.value)}\n`);
  };
  for await (const line of readAlertLog(path, follow ? 'rotated' : 'all')) show(line);
  if (follow) for await (const line of followAlertLog(path, 'beginning', io.signal)) show(line);
  if (found.lines === 0 && !call.json) io.error(`nothing in ${path}\n`);
  return found.bad ? EXIT.found : EXIT.ok;
}

export const alerts: Command = {
  name: 'alerts',
  takes: [],
  sentence:
    'Prints detections and alerts of the alert log, oldest first; with --json the lines as they stand.',
  flags: {
    follow: { sentence: 'Go on with new lines until interrupted.' },
    since: {
      value: 'TIME',
      sentence: 'Only those after a time (RFC 3339) or not older than a duration such as 10m.',
    },
    kind: { value: 'KIND', sentence: 'Only detection or only alert.' },
    container: {
      value: 'NAME',
      sentence: 'Only about this container: start of its id, pod name or workload.',
    },
    'fail-on': {
      value: 'SEVERITY',
      sentence: 'Exit with 4 when a line of this severity or above was printed.',
    },
  },
  settings: 'all',
  examples: [
    'picket alerts --since 1h',
    'picket alerts --follow --kind alert',
    'picket alerts --json --fail-on high',
  ],
  run,
};
