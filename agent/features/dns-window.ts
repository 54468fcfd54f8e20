/** What the names that a container asked for in one window say of it: how many, and whether they carry data. */
import type { DnsEvent } from '../events/event.ts';
import { below, entropyOf, registeredDomain } from './dns-name.ts';

/** Distinct names and domains held of one window; what a flood asks beyond adds to no domain, and its count says so. */
const MAX_NAMES = 2048;
const MAX_DOMAINS = 256;
/** Types whose answers carry free text or bytes. */
const TEXT_TYPES: ReadonlySet<string> = new Set(['TXT', 'NULL']);
const NO_SUCH_NAME = 'no-such-name';

export interface DnsCounts {
  readonly dnsNames: number;
  readonly dnsLabelLength: number;
  readonly dnsLabelEntropy: number;
  readonly dnsTextShare: number;
  readonly dnsMissingShare: number;
  readonly dnsBits: number;
}

export const NO_DNS: DnsCounts = {
  dnsNames: 0,
  dnsLabelLength: 0,
  dnsLabelEntropy: 0,
  dnsTextShare: 0,
  dnsMissingShare: 0,
  dnsBits: 0,
};

const mean = (sum: number, count: number): number => (count === 0 ? 0 : sum / count);

interface Domain {
  characters: number;
  readonly counts: Map<string, number>;
}

/** Bits that the characters carry, by how often each occurs among them all: what a code over them could not go below. */
function bitsOf({ characters, counts }: Domain): number {
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / characters);
  return bits;
}

export class DnsWindow {
  readonly #names = new Set<string>();
  readonly #domains = new Map<string, Domain>();
  #asked = 0;
  #text = 0;
  #answered = 0;
  #missing = 0;
  #labels = 0;
  #labelCharacters = 0;
  #labelEntropy = 0;

  note(event: DnsEvent): void {
    if (event.what === 'answer') {
      this.#answered += 1;
      if (event.code === NO_SUCH_NAME) this.#missing += 1;
      return;
    }
    if (event.what !== 'question') return;
    this.#asked += 1;
    if (TEXT_TYPES.has(event.type)) this.#text += 1;
    if (this.#names.has(event.name) || this.#names.size >= MAX_NAMES) return;
    this.#names.add(event.name);
    this.#addLabels(event.name);
  }

  #addLabels(name: string): void {
    const domain = registeredDomain(name);
    const labels = below(name, domain);
    if (labels === '') return;
    for (const label of labels.split('.')) {
      this.#labels += 1;
      this.#labelCharacters += label.length;
      this.#labelEntropy += entropyOf(label);
    }
    const known = this.#domains.get(domain) ?? { characters: 0, counts: new Map<string, number>() };
    if (!this.#domains.has(domain) && this.#domains.size >= MAX_DOMAINS) return;
    this.#domains.set(domain, known);
    for (const character of labels) {
      known.characters += 1;
      known.counts.set(character, (known.counts.get(character) ?? 0) + 1);
    }
  }

  /** The registered domain under which the names asked for say most, and how many bits; null: none has labels below it. */
  loudest(): { domain: string; bits: number } | null {
    let loudest: { domain: string; bits: number } | null = null;
    for (const [domain, said] of this.#domains) {
      const bits = bitsOf(said);
      if (loudest === null || bits > loudest.bits) loudest = { domain, bits };
    }
    return loudest;
  }

  counts(): DnsCounts {
    return {
      dnsNames: this.#names.size,
      dnsLabelLength: mean(this.#labelCharacters, this.#labels),
      dnsLabelEntropy: mean(this.#labelEntropy, this.#labels),
      dnsTextShare: mean(this.#text, this.#asked),
      dnsMissingShare: mean(this.#missing, this.#answered),
      dnsBits: Math.round(this.loudest()?.bits ?? 0),
    };
  }
}
