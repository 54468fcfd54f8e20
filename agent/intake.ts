/** The way in: each frame to the recorder, if there is one, and to the pipeline. Or a recording in place of the machine. */
import type { Context } from './context.ts';
import type { Frame, Start } from './events/frame.ts';
import type { Recording, RecordingWriter } from './events/recording.ts';
import type { Pipeline } from './pipeline.ts';
import type { FrameQueue } from './source/queue.ts';
import { replay } from './source/replay.ts';

export interface IntakeParts {
  readonly pipeline: Pipeline;
  /** After a frame was handled. */
  readonly handled: (frame: Frame) => void;
}

const RECORDING_BYTES = 4 * 1024 ** 3;

export class Intake {
  /** Frames that the pipeline failed on. */
  errors = 0;
  /** When the last window ended, on the clock of performance.now(). */
  tickedAt = performance.now();
  /** Ends with the recording; null when there is none. */
  replayed: Promise<void> | null = null;
  private readonly context: Context;
  private readonly parts: IntakeParts;
  private recorder: RecordingWriter | null = null;

  constructor(context: Context, parts: IntakeParts) {
    this.context = context;
    this.parts = parts;
  }

  /** Why the recording that is written was ended early, or null. */
  get recordingProblem(): string | null {
    return this.recorder?.stopped ?? null;
  }

  /** `known` are the baselines there are: without them a replay would judge from nothing. Redacted, it has to. */
  async openRecorder(known: Iterable<string>): Promise<void> {
    const { record, lifetime } = this.context;
    if (record === null) return;
    // Loaded where it is wanted: with its compression it is 2 MB.
    const { RecordingWriter } = await import('./events/recording.ts');
    const recorder = new RecordingWriter({ ...record, start: this.startOf(), maxBytes: RECORDING_BYTES });
    this.recorder = recorder;
    lifetime.atEnd(() => recorder.close());
    if (record.redact) return;
    for (const text of known) {
      recorder.write({ kind: 'baseline', text });
      await recorder.drained();
    }
  }

  /** In steps, between which the loop may be let go. Never throws. */
  *frame(frame: Frame): Generator<void> {
    try {
      this.recorder?.write(frame);
      yield* this.parts.pipeline.steps(frame);
      if (frame.kind === 'tick') this.tickedAt = performance.now();
      this.parts.handled(frame);
    } catch (error) {
      // One frame that we fail on must not blind the node; it is counted and told.
      this.errors += 1;
      this.context.lifetime.onError(error);
    }
  }

  /** Told as if it happened now: a wall clock of long ago would order it before everything else. */
  replay({ recording, speed }: { recording: Recording; speed: number }, queue: FrameQueue): void {
    const { clock, lifetime, log } = this.context;
    const shift = Math.round(clock.wallMs() - recording.start.wallMs);
    const now = (frame: Frame): Frame =>
      frame.kind === 'tick'
        ? { kind: 'tick', tick: { ...frame.tick, wallMs: frame.tick.wallMs + shift } }
        : frame;
    const replayed = replay({
      frames: recording.frames(),
      speed,
      signal: lifetime.signal,
      emit: (frame) => queue.push(now(frame)),
    })
      .then(() => queue.flush())
      .then(() => this.parts.pipeline.end())
      .then(() => log.info({ problem: recording.problem() }, 'the recording has ended'))
      .catch(lifetime.onError);
    this.replayed = replayed;
    lifetime.atEnd(() => replayed);
  }

  private startOf(): Omit<Start, 'recordsVersion' | 'redacted'> {
    const { where, boot, clock, settings } = this.context;
    const kept = [
      'window',
      'learn-windows',
      'mature-windows',
      'min-score',
      'group-for',
      'false-alarms',
      'shadow',
    ] as const;
    return {
      ...where,
      boot,
      bootNs: clock.bootNs(),
      wallMs: clock.wallMs(),
      settings: Object.fromEntries(kept.map((name) => [name, String(settings[name])])),
    };
  }
}
