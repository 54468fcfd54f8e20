/** A recording through the detectors again: the same detections and alerts, with the same ids. */
import { alertLine } from '../../agent/alerts/alert.ts';
import { detectionLine } from '../../agent/alerts/detection.ts';
import { openRecording } from '../../agent/events/recording.ts';
import type { Sink } from '../../agent/pipeline.ts';
import { replay as replayFrames } from '../../agent/source/replay.ts';
import { EXIT, UsageError } from '../args.ts';
import { describeLine, parseAlertLine } from '../client/alert-log.ts';
import type { Call, Command } from '../command.ts';
import { type Overrides, pipelineOf, VERDICT_ROWS, type VerdictName } from '../recording.ts';

function readSpeed(call: Call): number {
  const speed = call.flags['speed'] === undefined ? Number.POSITIVE_INFINITY : Number(call.flags['speed']);
  if (!(speed > 0)) throw new UsageError(`replay: --speed ${call.flags['speed']} is not a number above 0`);
  return speed;
}

/** The verdict settings that were given as flags of this call. */
function readOverrides(call: Call): Overrides {
  const names = Object.keys(VERDICT_ROWS) as VerdictName[];
  return Object.fromEntries(
    names.flatMap((name) => (typeof call.settings[name] === 'string' ? [[name, call.settings[name]]] : [])),
  );
}

async function run(call: Call): Promise<number> {
  const [path = ''] = call.positionals;
  const { io } = call;
  const recording = await openRecording(path);
  const { start } = recording;
  const told = { detections: 0, alerts: 0, windows: 0 };
  const show = (line: Record<string, unknown>): void => {
    const text = JSON.stringify(line);
    const readable = parseAlertLine(text);
    if (call.json) io.out(`${text}\n`);
    else if (readable !== null) io.out(`${describeLine(readable.value)}\n`);
  };
  const sink: Sink = {
    detection(detection) {
      told.detections += 1;
      show(detectionLine(detection, start));
    },
    alert(alert) {
      told.alerts += 1;
      show(alertLine(alert, start));
    },
    window() {
      told.windows += 1;
    },
    session() {},
    newContainer() {},
    goneContainer() {},
    canary() {},
    profile() {},
    train() {},
    lookupCgroup() {}, // what was found then is in the recording
  };
  const pipeline = pipelineOf(start, readOverrides(call), sink);
  const emit = pipeline.frame.bind(pipeline);
  await replayFrames({ frames: recording.frames(), speed: readSpeed(call), signal: io.signal, emit });
  pipeline.end();
  const { events, malformed } = pipeline.counts();
  io.error(
    `${events} events, ${told.windows} windows, ${told.detections} detections, ${told.alerts} alert lines\n`,
  );
  for (const [reason, count] of Object.entries(malformed))
    io.error(`${count} records could not be read: ${reason}\n`);
  const problem = recording.problem();
  if (problem !== null) io.error(`picket: ${problem}\n`);
  return problem === null ? EXIT.ok : EXIT.failed;
}

export const replay: Command = {
  name: 'replay',
  takes: ['FILE'],
  sentence:
    'Runs a recording through the detectors and prints its detections and alerts (with --json as the agent would have written them); verdict settings given as flags replace the recorded ones.',
  flags: {
    speed: {
      value: 'FACTOR',
      sentence: '1: as it was recorded; 10: ten times as fast; without it: as fast as it goes.',
    },
  },
  settings: 'agent',
  examples: [
    'picket replay incident.pkt.gz',
    'picket replay incident.pkt.gz --json --learn-windows 20 --min-score 0.7',
  ],
  run,
};
