/** What is around incidents, for correlate: replicas from the store, values from the settings, lists of threats from files. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { matchesGlob } from '../kit/glob.ts';
import type { Log } from '../kit/log.ts';
import type { Metrics } from '../kit/metrics.ts';
import type { Evidence, Incident } from './correlate/incident.ts';
import { Intel } from './correlate/intel.ts';
import { type Sibling, type Surroundings, USUAL_VALUE } from './correlate/surroundings.ts';
import type { CentralSettings } from './settings.ts';
import type { StoreParts } from './store/database.ts';

/** Workloads whose replicas are looked up for one report. */
const WORKLOADS = 500;
const DAY_MS = 86_400_000;
const FILE_BYTES = 64 * 1024 ** 2;

interface Value {
  readonly pattern: string;
  readonly value: number;
}

/** @throws with the entry that is none. */
export function parseValues(entries: readonly string[]): Value[] {
  return entries.map((entry) => {
    const match = /^([^=\s]+)=([0-3])$/.exec(entry);
    if (match === null)
      throw new Error(`asset-values: ${JSON.stringify(entry)} is not PATTERN=0 to PATTERN=3`);
    return { pattern: match[1] ?? '', value: Number(match[2]) };
  });
}

export class Around {
  private readonly values: readonly Value[];
  private readonly paths: readonly string[];
  private readonly nowMs: () => number;
  private readonly log: Log;
  private intel: Intel;
  private seen = '';

  /** @throws when a list cannot be read: who names one, relies on it. */
  constructor(
    settings: Pick<CentralSettings, 'asset-values' | 'intel-files'>,
    { metrics, log, nowMs }: { metrics: Metrics; log: Log; nowMs: () => number },
  ) {
    this.values = parseValues(settings['asset-values']);
    this.paths = settings['intel-files'];
    this.nowMs = nowMs;
    this.log = log;
    this.intel = this.read();
    this.seen = this.stamp();
    metrics.gauge('intel_indicators', 'Indicators of threats in force.', [], (gauge) =>
      gauge.set(this.intel.size),
    );
    metrics.gauge('intel_skipped', 'Indicators that could not be taken.', [], (gauge) =>
      gauge.set(this.intel.skipped),
    );
  }

  private read(): Intel {
    const files = this.paths.map((path) => {
      if (statSync(path).size > FILE_BYTES)
        throw new Error(`intel-files: ${path} is larger than ${FILE_BYTES} bytes`);
      return { name: basename(path), text: readFileSync(path, 'utf8') };
    });
    return new Intel(files, this.nowMs());
  }

  private stamp(): string {
    return this.paths.map((path) => `${statSync(path).mtimeMs} ${statSync(path).ino}`).join(' ');
  }

  /** Reads lists that changed; one that cannot be read now leaves what was in force. */
  refresh(): void {
    try {
      const stamp = this.stamp();
      if (stamp === this.seen) return;
      this.intel = this.read();
      this.seen = stamp;
      this.log.info({ indicators: this.intel.size, skipped: this.intel.skipped }, 'lists of threats read');
    } catch (error) {
      this.log.error({ err: error }, 'lists of threats not read; the old ones stay in force');
    }
  }

  async of(
    store: StoreParts,
    evidence: readonly Evidence[],
    incidents: readonly Incident[],
  ): Promise<Surroundings> {
    const involved = incidents.flatMap((incident) => incident.involved.map(({ workload }) => workload));
    const workloads = [...new Set([...evidence.map(({ alert }) => alert.workload), ...involved])];
    const siblings = await store.reports.siblings(
      workloads.filter((name) => name !== '').slice(0, WORKLOADS),
      this.nowMs() - DAY_MS,
    );
    const none: readonly Sibling[] = [];
    return {
      siblingsOf: (workload) => siblings.get(workload) ?? none,
      valueOf: (namespace) =>
        this.values.find(({ pattern }) => matchesGlob(pattern, namespace))?.value ?? USUAL_VALUE,
      matchesOf: (value) => this.intel.matchesOf(value),
    };
  }
}
