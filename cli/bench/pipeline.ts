/** How fast records go through decoding and through the whole pipeline, on a recording held in memory. */
import { decodeRecords } from '../../agent/events/decode.ts';
import type { Frame } from '../../agent/events/frame.ts';
import { openRecording } from '../../agent/events/recording.ts';
import type { Sink } from '../../agent/pipeline.ts';
import { pipelineOf } from '../recording.ts';
import { RECORDING } from '../up/kernel.ts';
import type { Measured, Measurement } from './measurement.ts';
import { spread } from './summary.ts';

export interface PipelineSpeed {
  /** In the recording. */
  readonly records: number;
  readonly rounds: number;
  /** Medians over the rounds. */
  readonly decodedPerSecond: number;
  readonly microsPerRecord: number;
}

const ROUNDS = 9;
/** A short recording is decoded so often per round that the clock's resolution does not matter. */
const DECODES = 200;
const SILENT: Sink = {
  detection() {},
  alert() {},
  window() {},
  session() {},
  newContainer() {},
  goneContainer() {},
  canary() {},
  profile() {},
  train() {},
  lookupCgroup() {},
};

const timed = (work: () => void): number => {
  const before = performance.now();
  work();
  return performance.now() - before;
};

/** @throws RecordingError when the file is no recording. */
export async function measurePipeline(path: string): Promise<PipelineSpeed> {
  const recording = await openRecording(path);
  const frames: Frame[] = [];
  for await (const frame of recording.frames()) frames.push(frame);
  const batches = frames.flatMap((frame) => (frame.kind === 'records' ? [frame.bytes] : []));
  let records = 0;
  const decode: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    records = 0;
    decode.push(
      timed(() => {
        for (let again = 0; again < DECODES; again++)
          for (const bytes of batches) records += decodeRecords(bytes).events.length;
      }),
    );
    const pipeline = pipelineOf(recording.start, {}, SILENT);
    whole.push(
      timed(() => {
        for (const frame of frames) pipeline.frame(frame);
      }),
    );
  }
  const once = records / DECODES;
  return {
    records: once,
    rounds: ROUNDS,
    decodedPerSecond: records / (spread(decode).median / 1000),
    microsPerRecord: (spread(whole).median * 1000) / once,
  };
}

async function run(): Promise<Measured> {
  const speed = await measurePipeline(RECORDING);
  const { decodedPerSecond, microsPerRecord, records, rounds } = speed;
  const n = `${records} records, n ${rounds}`;
  const none = { target: '', holds: null, others: '' };
  return {
    figures: [
      { what: 'decoding', here: `${Math.round(decodedPerSecond / 1000)} k records/s, ${n}`, ...none },
      {
        what: 'whole pipeline, windows and detectors',
        here: `${microsPerRecord.toFixed(1)} µs a record, ${n}`,
        ...none,
      },
    ],
    values: speed,
  };
}

export const pipeline: Measurement = {
  name: 'pipeline',
  sentence: 'How fast the recording that ships goes through decoding, and through the whole pipeline.',
  run,
};
