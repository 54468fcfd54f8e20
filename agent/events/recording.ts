/**
 * Recordings: every frame that entered the pipeline, in order, as a gzip stream of delimited messages of
 * wire/recording.proto. A recording is always a gapless beginning of what happened: where it cannot go on, it ends.
 */

import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { constants, createGunzip, createGzip, type Gzip } from 'node:zlib';
import {
  DelimitedReader,
  decodeFrame,
  delimit,
  encodeFrame,
  MAX_FRAME_BYTES,
  RECORDING_VERSION,
  type Frame as WireFrame,
  type ResourceReading as WireReading,
} from '../../wire/index.ts';
import type { Frame, Start } from './frame.ts';
import { LAYOUT } from './layout.ts';
import { redact } from './redact.ts';
import { type ResourceReading, resourcesOf } from './resources.ts';

/** A file that is no recording that can be read here. */
export class RecordingError extends Error {
  readonly code = 'PICKET_RECORDING';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RecordingError';
  }
}

export interface RecordingOptions {
  readonly path: string;
  readonly start: Omit<Start, 'recordsVersion' | 'redacted'>;
  /** Arguments and pod specifications are left out. Rules and facts that look at arguments then see less. */
  readonly redact: boolean;
  /** The recording ends before its file grows much beyond this, bytes. */
  readonly maxBytes: number;
}

// Frames that were given but not yet compressed; a disk that is this far behind ends the recording.
const MAX_QUEUED = 32 * 1024 * 1024;

function toWire(frame: Frame): Uint8Array {
  switch (frame.kind) {
    case 'start':
      return encodeFrame({ start: { version: RECORDING_VERSION, ...frame.start } });
    case 'records':
      return encodeFrame({ records: { bytes: frame.bytes } });
    case 'cgroups':
      return encodeFrame({ cgroups: { found: frame.found } });
    case 'pods':
      return encodeFrame({ pods: { list: Buffer.from(frame.list) } });
    case 'resources':
      return encodeFrame({ resources: { readings: frame.readings } });
    case 'baseline':
      return encodeFrame({ baseline: { text: frame.text } });
    case 'network':
      return encodeFrame({ network: { text: frame.text } });
    case 'exceptions':
      return encodeFrame({ sent: { exceptions: frame.text } });
    case 'peers':
      return encodeFrame({ sent: { peers: frame.text } });
    case 'canary':
      return encodeFrame({ canary: { nonce: frame.nonce, parent: frame.parent } });
    case 'tick':
      return encodeFrame({ tick: frame.tick });
  }
}

function readingOf({ cgroup, resources }: WireReading): ResourceReading {
  return { cgroup, resources: resourcesOf((name) => resources?.[name] ?? null) };
}

function fromWire(wire: WireFrame): Frame | null {
  if (wire.start) {
    const { version: _, ...start } = wire.start;
    return { kind: 'start', start };
  }
  if (wire.records) return { kind: 'records', bytes: wire.records.bytes };
  if (wire.cgroups) return { kind: 'cgroups', found: wire.cgroups.found };
  if (wire.pods) return { kind: 'pods', list: Buffer.from(wire.pods.list).toString('utf8') };
  if (wire.resources) return { kind: 'resources', readings: wire.resources.readings.map(readingOf) };
  if (wire.baseline) return { kind: 'baseline', text: wire.baseline.text };
  if (wire.sent?.peers) return { kind: 'peers', text: wire.sent.peers };
  if (wire.sent) return { kind: 'exceptions', text: wire.sent.exceptions };
  if (wire.canary) return { kind: 'canary', ...wire.canary };
  if (wire.network) return { kind: 'network', text: wire.network.text };
  return wire.tick ? { kind: 'tick', tick: wire.tick } : null;
}

export class RecordingWriter {
  readonly #gzip: Gzip;
  readonly #file: WriteStream;
  readonly #options: RecordingOptions;
  #stopped: string | null = null;
  #frames = 0;

  /** Opens the file and writes the start. An error of the file later ends the recording; see `stopped`. */
  constructor(options: RecordingOptions) {
    this.#options = options;
    this.#gzip = createGzip({ level: 3 });
    this.#file = createWriteStream(options.path, { mode: 0o600 });
    this.#file.on('error', (error) => this.#stop(error.message));
    this.#gzip.on('error', (error) => this.#stop(error.message));
    this.#gzip.pipe(this.#file);
    const start = {
      ...options.start,
      recordsVersion: LAYOUT.PICKET_RECORDS_VERSION,
      redacted: options.redact,
    };
    this.write({ kind: 'start', start });
  }

  /** Why the recording ended before it was closed, or null. */
  get stopped(): string | null {
    return this.#stopped;
  }

  get frames(): number {
    return this.#frames;
  }

  /** Resolves when what was written has gone on its way: for what comes faster than a disk takes it. */
  async drained(): Promise<void> {
    if (this.#gzip.writableNeedDrain && this.#stopped === null) await once(this.#gzip, 'drain');
  }

  /** False when the recording has ended: the frame is not in it. */
  write(frame: Frame): boolean {
    if (this.#stopped !== null) return false;
    if (this.#file.bytesWritten >= this.#options.maxBytes) return this.#stop('it reached its size limit');
    if (this.#gzip.writableLength > MAX_QUEUED) return this.#stop('the disk is too slow');
    const bytes = toWire(this.#options.redact ? redact(frame) : frame);
    if (bytes.length > MAX_FRAME_BYTES) return this.#stop(`a frame of ${bytes.length} bytes is too large`);
    this.#gzip.write(delimit(bytes));
    // What was written is readable from here on, should the process be killed.
    if (frame.kind === 'tick') this.#gzip.flush(constants.Z_SYNC_FLUSH);
    this.#frames += 1;
    return true;
  }

  /** Ends the file. Idempotent. */
  async close(): Promise<void> {
    this.#gzip.end();
    // An error was told through `stopped` by its listener.
    await finished(this.#file).catch(() => undefined);
  }

  #stop(reason: string): false {
    this.#stopped ??= reason;
    this.#gzip.end();
    return false;
  }
}

/** A recording that is being read. */
export interface Recording {
  readonly start: Start;
  /** The frames after the start, in order. */
  frames(): AsyncGenerator<Frame>;
  /** After the frames: what is wrong with the file, or null. All frames before the damage were given. */
  problem(): string | null;
}

interface Reading {
  frames: number;
  bytes: number;
  problem: string | null;
}

/** The uncompressed length modulo 2^32 that a whole gzip file ends with. */
async function lengthInTrailer(path: string): Promise<number> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, Math.max(0, size - 4));
    return bytesRead === 4 ? buffer.readUInt32LE(0) : -1;
  } finally {
    await file.close();
  }
}

async function* readFrames(path: string, reading: Reading): AsyncGenerator<WireFrame> {
  const delimited = new DelimitedReader(MAX_FRAME_BYTES);
  // Without finishFlush zlib gives an error in place of the last bytes of a file that was cut.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  const file = createReadStream(path);
  file.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const piece of file.pipe(gunzip)) {
      reading.bytes += (piece as Buffer).length;
      for (const bytes of delimited.push(piece as Buffer)) {
        yield decodeFrame(bytes);
        reading.frames += 1;
      }
    }
    const whole = (await lengthInTrailer(path)) === reading.bytes % 2 ** 32;
    if (delimited.pending > 0 || !whole) reading.problem = 'it was cut short';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
    reading.problem = `it is damaged: ${(error as Error).message}`;
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

async function* plainFrames(wire: AsyncGenerator<WireFrame>, reading: Reading): AsyncGenerator<Frame> {
  for await (const message of wire) {
    const frame = fromWire(message);
    if (frame !== null) yield frame;
    else reading.problem = 'it holds frames of a kind that is not known here';
  }
}

/**
 * Opens a recording and reads its start.
 * @throws RecordingError when it is no recording or one of another version; the file system's error when it is not there.
 */
export async function openRecording(path: string): Promise<Recording> {
  const reading: Reading = { frames: 0, bytes: 0, problem: null };
  const wire = readFrames(path, reading);
  const first = await wire.next();
  const start = first.done ? null : first.value.start;
  if (start === null) {
    const why = reading.problem ?? (first.done ? 'it is empty' : 'it does not begin with a start');
    throw new RecordingError(`${path} is no recording: ${why}`);
  }
  const problem = versionProblem(start);
  if (problem !== null) {
    await wire.return(undefined);
    throw new RecordingError(`${path}: ${problem}`);
  }
  const { version: _, ...plain } = start;
  return {
    start: plain,
    frames: () => plainFrames(wire, reading),
    problem: () =>
      reading.problem === null
        ? null
        : `${path}: ${reading.problem}; the ${reading.frames} frame(s) before that were used`,
  };
}

function versionProblem(start: { version: number; recordsVersion: number }): string | null {
  if (start.version !== RECORDING_VERSION)
    return `a recording of version ${start.version}; this picket reads version ${RECORDING_VERSION}`;
  if (start.recordsVersion !== LAYOUT.PICKET_RECORDS_VERSION)
    return `its records have version ${start.recordsVersion}; this picket reads version ${LAYOUT.PICKET_RECORDS_VERSION}`;
  return null;
}
