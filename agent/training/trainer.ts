/**
 * Training runs, one process after another, each ended as soon as there is nothing left to train: a quiet agent pays
 * nothing for them. At most one runs; what waits is bounded, one request per workload.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TrainingRequest } from '../models/shape/training.ts';

export interface TrainerOptions {
  /** A reply as JSON text, one line. */
  readonly onReply: (workload: string, text: string) => void;
  /** A run that came to nothing. */
  readonly onProblem: (problem: string) => void;
  readonly onBackend: (backend: string, reason: string) => void;
}

export interface TrainerCounts {
  runs: number;
  trained: number;
  failed: number;
  /** Requests that found too many waiting. */
  refused: number;
}

/** So many workloads' rows are some 10 MB. */
const MAX_WAITING = 64;
/** One request takes a second on a quiet CPU; what takes longer hangs. */
const REQUEST_MS = 60_000;

const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url),
);

export class Trainer {
  readonly counts: TrainerCounts = { runs: 0, trained: 0, failed: 0, refused: 0 };
  readonly #options: TrainerOptions;
  readonly #waiting = new Map<string, TrainingRequest>();
  #child: ChildProcess | null = null;
  #asked: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #ended: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: TrainerOptions) {
    this.#options = options;
  }

  /** Requests that wait, with the one that is trained. */
  get waiting(): number {
    return this.#waiting.size + (this.#asked === null ? 0 : 1);
  }

  /** Resolves when the process that runs now, if one does, has ended. */
  get idle(): Promise<void> {
    return this.#ended;
  }

  train(request: TrainingRequest): void {
    if (this.#stopped) return;
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(request.workload)) {
      this.counts.refused += 1;
      return;
    }
    this.#waiting.set(request.workload, request);
    if (this.#child === null) this.#start();
  }

  /** Ends a run that is under way. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  #start(): void {
    this.counts.runs += 1;
    const flags = ['--disable-warning=ExperimentalWarning', '--max-old-space-size=192'];
    const child = spawn(process.execPath, [...flags, ENTRY], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    if (child.pid !== undefined) beLast(child.pid);
    let said = '';
    child.stderr.on('data', (text: Buffer) => {
      said = `${said}${text.toString()}`.slice(-2000);
    });
    // Writing to a process that just ended; its end is what is told.
    child.stdin.on('error', () => {});
    createInterface({ input: child.stdout }).on('line', (line) => this.#line(line));
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (this.#child !== child) return;
        this.#end(`${how}${said === '' ? '' : `: ${said.trim().split('\n').at(-1)}`}`);
        resolve();
      };
      child.once('error', (error) => end(error.message));
      child.once('close', (code, signal) => end(`the training process ended with ${signal ?? code}`));
    });
  }

  #line(line: string): void {
    const reply = readLine(line);
    if (typeof reply['backend'] === 'string' && this.#asked === null)
      this.#options.onBackend(reply['backend'], String(reply['reason'] ?? ''));
    if (this.#asked !== null) this.#answer(this.#asked, reply, line);
    this.#next();
  }

  #answer(workload: string, reply: Record<string, unknown>, line: string): void {
    this.#asked = null;
    if (reply['network'] !== undefined) {
      this.counts.trained += 1;
      this.#options.onReply(workload, line);
      return;
    }
    this.counts.failed += 1;
    this.#options.onProblem(`${workload}: ${String(reply['error'] ?? 'a reply without a network')}`);
  }

  /** The next request, or the end of the input, after which the process ends. */
  #next(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const [request] = this.#waiting.values();
    if (request === undefined) {
      this.#child?.stdin?.end();
      return;
    }
    this.#waiting.delete(request.workload);
    this.#asked = request.workload;
    this.#child?.stdin?.write(`${JSON.stringify(request)}\n`);
    this.#timer = setTimeout(() => this.#child?.kill('SIGKILL'), REQUEST_MS);
    this.#timer.unref();
  }

  #end(how: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#child = null;
    if (this.#asked !== null && !this.#stopped) {
      this.counts.failed += 1;
      this.#options.onProblem(`${this.#asked}: ${how}`);
    }
    this.#asked = null;
    // What was asked for while the process was on its way out.
    if (this.#waiting.size > 0 && !this.#stopped) this.#start();
  }
}

/** Behind everything else on the machine. */
function beLast(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It ended already, which is told elsewhere.
  }
}

function readLine(line: string): Record<string, unknown> {
  try {
    return (JSON.parse(line) ?? {}) as Record<string, unknown>;
  } catch {
    return { error: 'a line that is no JSON' };
  }
}
