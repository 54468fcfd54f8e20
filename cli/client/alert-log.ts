/** The agent's alert log from the reader's side: lines of the present and the rotated files, and lines to come. */
import { closeSync, createReadStream, existsSync, openSync, readSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { safe, timeOfDay } from '../text.ts';

/** The members that the command line reads; a line has more, and those are passed on as they are. */
export interface AlertLine {
  readonly kind: 'detection' | 'alert';
  readonly id: string;
  readonly time: string;
  readonly severity: string;
  readonly detector?: string;
  readonly detectors?: readonly string[];
  readonly summary?: string;
  readonly title?: string;
  readonly explanation?: readonly string[];
  readonly alert?: string;
  readonly revision?: number;
  readonly count?: number;
  readonly score?: number;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly process?: Readonly<Record<string, unknown>>;
  readonly container?: {
    readonly id?: string;
    readonly name?: string;
    readonly pod?: string;
    readonly namespace?: string;
    readonly workload?: string;
  };
}

export interface RawLine {
  readonly text: string;
  readonly value: AlertLine;
}

export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;

/** Null for a line that is not one of ours: a torn last line after a crash. */
export function parseAlertLine(text: string): RawLine | null {
  try {
    const value: unknown = JSON.parse(text);
    const kind = (value as { kind?: unknown } | null)?.kind;
    return kind === 'detection' || kind === 'alert' ? { text, value: value as AlertLine } : null;
  } catch {
    return null;
  }
}

/** Oldest first. */
function rotatedFiles(path: string): string[] {
  const rotated: string[] = [];
  for (let n = 1; existsSync(`${path}.${n}`); n++) rotated.unshift(`${path}.${n}`);
  return rotated;
}

/** Lines written so far: all, or those of the rotated files only. Yields nothing when there is no log yet. */
export async function* readAlertLog(path: string, which: 'all' | 'rotated' = 'all'): AsyncGenerator<RawLine> {
  const present = which === 'all' && existsSync(path) ? [path] : [];
  for (const file of [...rotatedFiles(path), ...present]) {
    for await (const text of createInterface({ input: createReadStream(file) })) {
      const line = parseAlertLine(text);
      if (line !== null) yield line;
    }
  }
}

const POLL_MS = 100;

/** Bytes appended to a file since the last call; starts over when the file was rotated. */
class Tail {
  readonly #path: string;
  readonly #buffer = Buffer.alloc(64 * 1024);
  #inode = 0n;
  #position = 0;
  #partial = '';

  constructor(path: string, fromEnd: boolean) {
    this.#path = path;
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
    if (stat === undefined) return;
    this.#inode = stat.ino;
    if (fromEnd) this.#position = Number(stat.size);
  }

  lines(): string[] {
    const stat = statSync(this.#path, { throwIfNoEntry: false, bigint: true });
    if (stat === undefined) return [];
    if (stat.ino !== this.#inode || Number(stat.size) < this.#position) {
      this.#inode = stat.ino;
      this.#position = 0;
      this.#partial = '';
    }
    const lines: string[] = [];
    const descriptor = openSync(this.#path, 'r');
    try {
      for (let n = 1; n > 0; ) {
        n = readSync(descriptor, this.#buffer, 0, this.#buffer.length, this.#position);
        this.#position += n;
        const parts = (this.#partial + this.#buffer.toString('latin1', 0, n)).split('\n');
        this.#partial = parts.pop() ?? '';
        lines.push(...parts.map((part) => Buffer.from(part, 'latin1').toString('utf8')));
      }
    } finally {
      closeSync(descriptor);
    }
    return lines;
  }
}

/**
 * Lines of the present file as they are written, until the signal: from its beginning or from its end, which is
 * taken at the call, so that nothing after it is missed.
 */
export function followAlertLog(
  path: string,
  from: 'beginning' | 'end',
  signal: AbortSignal,
): AsyncGenerator<RawLine> {
  const tail = new Tail(path, from === 'end');
  return (async function* () {
    while (!signal.aborted) {
      for (const text of tail.lines()) {
        const line = parseAlertLine(text);
        if (line !== null) yield line;
      }
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
  })();
}

/** Who it is about, shortest form that a person recognises. */
function subject(line: AlertLine): string {
  const { namespace, pod, name, workload, id } = line.container ?? {};
  if (pod) return `${namespace ? `${namespace}/` : ''}${pod}`;
  return name || workload || id || 'unknown container';
}

/** One line in plain words. */
export function describeLine(line: AlertLine): string {
  const what = line.kind === 'alert' ? `ALERT ${line.title ?? ''}` : (line.summary ?? line.detector ?? '');
  const more = line.kind === 'alert' && (line.count ?? 1) > 1 ? ` (${line.count} detections)` : '';
  return `${timeOfDay(line.time)}  ${line.severity.padEnd(8)} ${safe(subject(line))}: ${safe(what)}${more}`;
}
