/**
 * Exfiltration through names: whoever has no other way out asks for names whose labels are the data, below a domain whose
 * name server he runs (K. Born, D. Gustafson, "Detecting DNS tunnels using character frequency analysis", 2010; A. Nadler
 * et al., "Detection of malicious and low throughput data exfiltration over the DNS protocol", 2019). The measure is what
 * they cannot do without: the bits that the *different* names below one registered domain can have carried in a window
 * (features/dns-window.ts); asking again carries nothing new, and encodings or shorter labels only need more names.
 *
 * The share of learnt windows in which the loudest domain said as much, with one added on each side, is the chance of what
 * is seen, if windows could have come in any order (conformal p-value; V. Vovk et al., 2005). A domain that was as loud
 * before, within a factor of two, is ordinary: reputation lists and content networks carry data in names all day.
 *
 * Assumes windows of about one length. In bits; memory: a histogram by octave and 64 domains.
 */
import type { Detector, Score } from './detector.ts';

/** What the loudest domain of a window said; null: no name had labels below its domain. */
export type Loudest = { readonly domain: string; readonly bits: number } | null;

export interface DnsLabelsOptions {
  /** Windows before it says anything. */
  readonly learnWindows: number;
}

/** Less than 256 bytes in a window is no way to carry things out: a dozen plain lookups of one zone say as much. */
export const LEAST_BITS = 2048;
/** A domain may say so many times what it said most. */
const SLACK = 2;
const OCTAVES = 32;
const MAX_DOMAINS = 64;
const MAX_DOMAIN_LENGTH = 253;
/** More than any window can carry; so that a saved number is exact. */
const MOST_BITS = 2 ** 40;

interface Known {
  /** Most bits in one window. */
  most: number;
  /** Number of the window in which it was loudest of all last. */
  last: number;
}

const octaveOf = (bits: number): number =>
  Math.min(OCTAVES - 1, Math.max(0, Math.floor(Math.log2(1 + bits))));

export class DnsLabels implements Detector<Loudest> {
  readonly name = 'dns-labels';
  readonly maxBytes = 40 * 1024;
  readonly #options: DnsLabelsOptions;
  #octaves = new Array<number>(OCTAVES).fill(0);
  readonly #domains = new Map<string, Known>();
  #windows = 0;
  #evicted = 0;

  constructor(options: DnsLabelsOptions) {
    this.#options = options;
  }

  /** Windows learnt. */
  get learnt(): number {
    return this.#windows;
  }

  /** Domains forgotten for want of room. */
  get evicted(): number {
    return this.#evicted;
  }

  learn(loudest: Loudest): void {
    this.#windows += 1;
    const octave = octaveOf(loudest?.bits ?? 0);
    this.#octaves[octave] = (this.#octaves[octave] ?? 0) + 1;
    // Quiet domains are under the floor anyway.
    if (loudest === null || loudest.bits < LEAST_BITS / SLACK) return;
    const domain = loudest.domain.slice(0, MAX_DOMAIN_LENGTH);
    const said = Math.round(Math.min(MOST_BITS, loudest.bits));
    const most = Math.max(this.#domains.get(domain)?.most ?? 0, said);
    this.#domains.delete(domain);
    this.#domains.set(domain, { most, last: this.#windows });
    const [oldest] = this.#domains.keys();
    if (this.#domains.size <= MAX_DOMAINS || oldest === undefined) return;
    this.#domains.delete(oldest);
    this.#evicted += 1;
  }

  score(loudest: Loudest): Score {
    const { learnWindows } = this.#options;
    if (this.#windows < learnWindows)
      return { state: 'unknown', reason: `${this.#windows} of ${learnWindows} windows learnt` };
    if (loudest === null || loudest.bits < LEAST_BITS)
      return {
        state: 'scored',
        score: 0,
        reason: `Less than ${LEAST_BITS} bits in names below one domain.`,
        parts: [],
      };
    const bits = Math.round(loudest.bits);
    const most = this.#domains.get(loudest.domain)?.most ?? 0;
    if (bits <= most * SLACK)
      return { state: 'scored', score: 0, reason: `${loudest.domain} said ${most} bits before.`, parts: [] };
    const chance = this.chance(bits);
    const before = most === 0 ? 'was never that loud' : `said ${most} at most before`;
    return {
      state: 'scored',
      score: 1 - chance,
      reason: `Different names below ${loudest.domain} can have carried ${bits} bits in a window; it ${before}, and at most ${(chance * 100).toFixed(1)} % of ${this.#windows} windows say as much below any domain.`,
      parts: [{ what: loudest.domain, share: 1 }],
    };
  }

  /** Of a window in which some domain says so much. */
  chance(bits: number): number {
    let asLoud = 0;
    for (let octave = octaveOf(bits); octave < OCTAVES; octave++) asLoud += this.#octaves[octave] ?? 0;
    return (asLoud + 1) / (this.#windows + 1);
  }

  save(): unknown {
    const domains = [...this.#domains].map(([domain, { most, last }]) => [domain, most, last] as const);
    return { windows: this.#windows, evicted: this.#evicted, octaves: [...this.#octaves], domains };
  }

  load(saved: unknown): void {
    const { windows, evicted, octaves, domains } = (saved ?? {}) as Record<string, unknown>;
    if (!isCount(windows) || !isCount(evicted) || !isCounts(octaves) || !isDomains(domains))
      throw new TypeError('no saved labels of names');
    this.#windows = windows;
    this.#evicted = evicted;
    this.#octaves = [...octaves];
    this.#domains.clear();
    for (const [domain, most, last] of domains) this.#domains.set(domain, { most, last });
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length === OCTAVES && value.every(isCount);

const isDomains = (value: unknown): value is [string, number, number][] =>
  Array.isArray(value) &&
  value.length <= MAX_DOMAINS &&
  value.every(
    (entry) => Array.isArray(entry) && typeof entry[0] === 'string' && isCount(entry[1]) && isCount(entry[2]),
  );
