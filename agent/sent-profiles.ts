/**
 * Profiles that are objects: what they ask of baselines here, done once each, as `picket profile` does by hand. A baseline that
 * is changed comes back as a frame, so that it is in a recording too.
 */
import type { Input, ProfileState, SentProfiles } from '../wire/index.ts';
import type { ProfileSummary } from './status.ts';

export interface SentProfilesParts {
  /** The document with which a baseline would go on; null: there is none of the workload. */
  readonly changed: (workload: string, change: 'reset' | 'pin' | 'unpin') => string | null;
  readonly baseline: (text: string) => void;
  /** What is to be told of the workload's baseline; null: there is none. */
  readonly summary: (workload: string) => ProfileSummary | null;
}

/** What is kept on the disk. */
export interface KeptProfiles {
  readonly version: string;
  readonly profiles: SentProfiles['profiles'];
  /** Workload → the reset that was done last. */
  readonly resets: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

const isProfile = (value: unknown): boolean =>
  isObject(value) &&
  typeof value['workload'] === 'string' &&
  typeof value['pinned'] === 'boolean' &&
  typeof value['reset'] === 'string';

/** Whether it is what `kept` gave: a file may be of another version. */
export function isKeptProfiles(value: unknown): value is KeptProfiles {
  if (!isObject(value) || typeof value['version'] !== 'string') return false;
  const { profiles, resets } = value;
  if (!Array.isArray(profiles) || !isObject(resets)) return false;
  return profiles.every(isProfile) && Object.values(resets).every((reset) => typeof reset === 'string');
}

/** Central sends no more. */
const MAX_PROFILES = 200;

export class SentProfileBook {
  version = '';
  readonly counts = { reset: 0, pinned: 0, unpinned: 0 };
  readonly #parts: SentProfilesParts;
  #profiles: SentProfiles['profiles'] = [];
  readonly #resets = new Map<string, string>();
  /** Workload → the document that is on its way to the pipeline. What is asked of a baseline now is asked of the one before. */
  readonly #underWay = new Map<string, string>();
  /** Those that have an object no more and are to learn again. */
  readonly #letGo = new Set<string>();

  constructor(parts: SentProfilesParts) {
    this.#parts = parts;
  }

  restore({ version, profiles, resets }: KeptProfiles): void {
    this.version = version;
    this.#profiles = profiles.slice(0, MAX_PROFILES);
    for (const [workload, reset] of Object.entries(resets)) this.#resets.set(workload, reset);
  }

  kept(): KeptProfiles {
    return { version: this.version, profiles: this.#profiles, resets: Object.fromEntries(this.#resets) };
  }

  /** All of them, in place of those before; who has an object no more is unpinned. */
  use({ version, profiles }: SentProfiles): void {
    const before = this.#profiles;
    this.version = version;
    this.#profiles = profiles.slice(0, MAX_PROFILES);
    const still = new Set(this.#profiles.map(({ workload }) => workload));
    for (const { workload, pinned } of before) {
      if (still.has(workload)) continue;
      this.#resets.delete(workload);
      if (pinned) this.#letGo.add(workload);
    }
    for (const workload of still) this.#letGo.delete(workload);
    this.apply();
  }

  /** Also for workloads that came to the node since, and those whose last change is done. */
  apply(): void {
    for (const workload of this.#letGo) {
      if (this.#underWay.has(workload)) continue;
      this.#letGo.delete(workload);
      this.#pin(workload, false);
    }
    for (const { workload, pinned, reset } of this.#profiles) {
      // A pin that overtakes a reset is of the baseline before, and would bring that back.
      if (this.#underWay.has(workload)) continue;
      if (reset !== (this.#resets.get(workload) ?? '')) {
        this.#resets.set(workload, reset);
        if (reset !== '' && this.#change(workload, 'reset')) this.counts.reset += 1;
      }
      if (!this.#underWay.has(workload)) this.#pin(workload, pinned);
    }
  }

  /** The pipeline has taken that baseline over, or refused it. */
  handled(text: string): void {
    for (const [workload, asked] of this.#underWay) if (asked === text) this.#underWay.delete(workload);
  }

  states(): Input<ProfileState>[] {
    return this.#profiles.flatMap(({ workload }) => {
      const summary = this.#parts.summary(workload);
      return summary === null ? [] : [{ workload, ...summary }];
    });
  }

  #pin(workload: string, pinned: boolean): void {
    const summary = this.#parts.summary(workload);
    if (summary === null || summary.pinned === pinned) return;
    if (this.#change(workload, pinned ? 'pin' : 'unpin')) this.counts[pinned ? 'pinned' : 'unpinned'] += 1;
  }

  #change(workload: string, change: 'reset' | 'pin' | 'unpin'): boolean {
    const text = this.#parts.changed(workload, change);
    if (text === null) return false;
    // Before it is pushed: an idle pipeline takes it at once.
    this.#underWay.set(workload, text);
    this.#parts.baseline(text);
    return true;
  }
}
