/**
 * The pods of this node by a watch of the API server: a list of what is kept of each, handed on as text when it changed.
 * While the server is away what is known stays in force, and who asks is told since when.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { KubeClient } from '../../kit/kube/client.ts';
import type { KubeConfig } from '../../kit/kube/config.ts';
import type { KubeError } from '../../kit/kube/error.ts';
import type { Permission } from '../../kit/kube/permission.ts';
import { PODS } from '../../kit/kube/resource.ts';
import { type ChangeKind, Watch, type WatchTiming } from '../../kit/kube/watch.ts';
import type { PodsCounts, PodsHealth, PodsSource } from './pods.ts';
import { trimPod } from './trim-pod.ts';

export interface KubePodsParts {
  readonly kubernetes: KubeConfig;
  readonly node: string;
  readonly version: string;
  readonly emit: (list: string) => void;
  /** Where the last list is kept, for a start while the API server is away; left out: nowhere. */
  readonly keptIn?: string;
  readonly onError: (error: unknown) => void;
  /** The server is back after so long, and what is known is what there is. */
  readonly onAgain?: (awayMs: number) => void;
  readonly timing?: WatchTiming;
}

/** What the agent asks of the API server. */
export const AGENT_PERMISSIONS: readonly Permission[] = [
  {
    apiGroups: [''],
    resources: ['pods'],
    verbs: ['list', 'watch'],
    because: "Names, owners, images and container ids of the pods on the agent's node.",
  },
];

/** Kubelet takes 110 unless it is told otherwise, and some are told up to 500. */
const MAX_PODS = 1024;
/** How often the list is written, should it change. */
const KEEP_MS = 5000;
/** How long the start waits for the first list. */
const FIRST_MS = 5000;
/** Changes that come together, as when a pod starts, are handed on together. */
const TOGETHER_MS = 20;

interface Kept {
  readonly uid: string;
  readonly json: string;
}

export class KubePods implements PodsSource {
  readonly counts: PodsCounts = { reads: 0, unchanged: 0, errors: 0 };
  /** Pods left out because there are too many, or one is too large. */
  refused = 0;
  readonly #parts: KubePodsParts;
  readonly #client: KubeClient;
  readonly #watch: Watch<Kept>;
  readonly #pods = new Map<string, string>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #keeping: NodeJS.Timeout | null = null;
  /** Of the last problem that was told; empty: none since things were well. */
  #said = '';
  /** When the first of these problems was; null: things are well. */
  #awaySince: number | null = null;
  #first: () => void = () => undefined;

  constructor(parts: KubePodsParts) {
    this.#parts = parts;
    this.#client = new KubeClient(parts.kubernetes, { userAgent: `picket-agent/${parts.version}` });
    this.#watch = new Watch<Kept>(
      this.#client,
      {
        what: { resource: PODS },
        fieldSelector: `spec.nodeName=${parts.node}`,
        cached: true,
        reduce: (pod) => this.#reduce(pod),
      },
      {
        listed: (pods) => this.#listed(pods),
        changed: (kind, pod) => this.#changed(kind, pod),
        problem: (error) => this.#problem(error),
        again: () => this.#again(),
      },
      parts.timing,
    );
  }

  /**
   * Resolves when the pods were listed for the first time, or that took too long: then they come later, and those of the
   * last run, which are told first, have their names until then.
   */
  async start(): Promise<void> {
    this.#restore();
    const listed = new Promise<void>((resolve) => {
      this.#first = resolve;
    });
    this.#running = this.#watch.run(this.#stop.signal).catch(this.#parts.onError);
    const late = new Promise<void>((resolve) => setTimeout(resolve, FIRST_MS).unref());
    await Promise.race([listed, late]);
  }

  /** The watch needs no asking. */
  refresh(): void {}

  health(): PodsHealth {
    const { heardAt, connected, inStep, lastProblem } = this.#watch;
    return {
      source: this.#client.url,
      connected,
      inStep,
      heardMs: heardAt === null ? null : Math.round(performance.now() - heardAt),
      problem: lastProblem?.message ?? null,
      problems: this.#watch.counts.problems,
      pods: this.#pods.size,
    };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const timer of [this.#timer, this.#keeping]) if (timer !== null) clearTimeout(timer);
    if (this.#keeping !== null) this.#keep();
    await this.#running;
    await this.#client.close();
  }

  #reduce(pod: Parameters<typeof trimPod>[0]): Kept | null {
    const kept = trimPod(pod);
    if (kept === null) this.refused += 1;
    return kept;
  }

  #listed(pods: readonly Kept[]): void {
    this.counts.reads += 1;
    this.#pods.clear();
    for (const pod of pods) this.#put(pod);
    this.#emit();
    this.#first();
  }

  #changed(kind: ChangeKind, pod: Kept): void {
    this.counts.reads += 1;
    if (kind !== 'DELETED' && this.#pods.get(pod.uid) === pod.json) {
      this.counts.unchanged += 1;
      return;
    }
    if (kind === 'DELETED') this.#pods.delete(pod.uid);
    else this.#put(pod);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#emit();
    }, TOGETHER_MS);
  }

  #put({ uid, json }: Kept): void {
    if (this.#pods.size < MAX_PODS || this.#pods.has(uid)) this.#pods.set(uid, json);
    else this.refused += 1;
  }

  #list(): string {
    return `{"kind":"PodList","items":[${[...this.#pods.values()].join(',')}]}`;
  }

  #emit(): void {
    this.#parts.emit(this.#list());
    if (this.#parts.keptIn === undefined) return;
    this.#keeping ??= setTimeout(() => this.#keep(), KEEP_MS).unref();
  }

  #keep(): void {
    const { keptIn = '', onError } = this.#parts;
    this.#keeping = null;
    try {
      writeFileSync(`${keptIn}.new`, this.#list(), { mode: 0o600 });
      renameSync(`${keptIn}.new`, keptIn);
    } catch (error) {
      this.counts.errors += 1;
      onError(error);
    }
  }

  /** Cut off by a crash it is no list, which the pipeline counts. */
  #restore(): void {
    const { keptIn, emit } = this.#parts;
    if (keptIn === undefined) return;
    try {
      emit(readFileSync(keptIn, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#parts.onError(error);
    }
  }

  /** One outage is many failures: told when it is another one than before. */
  #problem(error: KubeError): void {
    this.counts.errors += 1;
    this.#awaySince ??= performance.now();
    const said = `${error.status} ${error.reason}`;
    if (said !== this.#said) this.#parts.onError(error);
    this.#said = said;
  }

  #again(): void {
    if (this.#awaySince !== null) this.#parts.onAgain?.(performance.now() - this.#awaySince);
    this.#awaySince = null;
    this.#said = '';
  }
}
