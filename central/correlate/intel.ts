/**
 * Threat intelligence: lists of addresses, networks, names and hashes, as plain text (one a line, `#` begins a comment) or as
 * a bundle of STIX 2.1. Of STIX, patterns that hold as soon as one comparison does are taken; those that ask for several
 * things together cannot be answered here and are counted.
 */
import { BlockList, isIP } from 'node:net';

export interface Match {
  readonly indicator: string;
  /** The list, and what it says of the indicator. */
  readonly source: string;
}
export interface IntelFile {
  readonly name: string;
  readonly text: string;
}

/** Indicators kept over all lists; an address or name with its source is about 150 bytes. */
const LIMIT = 500_000;
const SOURCE = 160;

const COMPARISON =
  /(ipv4-addr|ipv6-addr|domain-name):value\s*=\s*'([^']+)'|url:value\s*=\s*'([^']+)'|file:hashes\.(?:'?[\w-]+'?)\s*=\s*'([0-9a-fA-F]+)'/g;

interface Indicator {
  readonly value: string;
  readonly source: string;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '';
}

function stixIndicators(object: Record<string, unknown>, list: string, nowMs: number): Indicator[] | null {
  const { pattern, name, valid_until: until } = object;
  if (typeof pattern !== 'string' || /\b(AND|FOLLOWEDBY|NOT|LIKE|MATCHES)\b/.test(pattern)) return null;
  if (object['revoked'] === true || (typeof until === 'string' && Date.parse(until) <= nowMs)) return [];
  const source = typeof name === 'string' && name !== '' ? `${list} (${name})` : list;
  const found = [...pattern.matchAll(COMPARISON)].map(
    ([, , value, url, hash]) => value ?? hash ?? hostOf(url ?? ''),
  );
  return found.length === 0 ? null : found.map((value) => ({ value, source }));
}

interface Read {
  readonly indicators: Indicator[];
  readonly skipped: number;
}

function readStix(objects: readonly unknown[], list: string, nowMs: number): Read {
  const indicators: Indicator[] = [];
  let skipped = 0;
  for (const object of objects) {
    if (typeof object !== 'object' || object === null || (object as { type?: unknown }).type !== 'indicator')
      continue;
    const found = stixIndicators(object as Record<string, unknown>, list, nowMs);
    if (found === null) skipped += 1;
    else indicators.push(...found);
  }
  return { indicators, skipped };
}

function readFile({ name, text }: IntelFile, nowMs: number): Read {
  if (text.trimStart().startsWith('{')) {
    try {
      const bundle = JSON.parse(text) as { type?: unknown; objects?: unknown };
      if (bundle.type === 'bundle' && Array.isArray(bundle.objects))
        return readStix(bundle.objects, name, nowMs);
    } catch {
      // Counted below, as a list of which nothing can be taken.
    }
    return { indicators: [], skipped: 1 };
  }
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  return {
    indicators: lines.filter((line) => line !== '').map((value) => ({ value, source: name })),
    skipped: 0,
  };
}

const isHash = (text: string): boolean => /^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
const isName = (text: string): boolean => /^(?=.{1,253}$)([a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}$/.test(text);

export class Intel {
  readonly #exact = new Map<string, string>();
  readonly #networks: { readonly list: BlockList; readonly indicator: string; readonly source: string }[] =
    [];
  /** Indicators that could not be taken. */
  skipped = 0;

  constructor(files: readonly IntelFile[], nowMs: number) {
    for (const file of files) {
      const { indicators, skipped } = readFile(file, nowMs);
      this.skipped += skipped;
      for (const indicator of indicators) if (!this.#add(indicator)) this.skipped += 1;
    }
  }

  get size(): number {
    return this.#exact.size + this.#networks.length;
  }

  #add({ value, source }: Indicator): boolean {
    const text = value.trim().toLowerCase().replace(/\.$/, '');
    if (this.size >= LIMIT) return false;
    const [address = '', bits] = text.split('/');
    if (bits !== undefined && isIP(address) !== 0) return this.#network(text, source);
    if (isIP(text) === 0 && !isHash(text) && !isName(text)) return false;
    if (!this.#exact.has(text)) this.#exact.set(text, source.slice(0, SOURCE));
    return true;
  }

  #network(indicator: string, source: string): boolean {
    const [address = '', bits = ''] = indicator.split('/');
    const version = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 'ipv4' ? 32 : 128)) return false;
    const list = new BlockList();
    list.addSubnet(address, Number(bits), version);
    this.#networks.push({ list, indicator, source: source.slice(0, SOURCE) });
    return true;
  }

  /** Of a name also what is said of the domains above it. */
  matchesOf(value: string): Match[] {
    const text = value.toLowerCase().replace(/\.$/, '');
    const version = isIP(text);
    if (version === 0) {
      const parts = text.split('.');
      const names = parts.slice(0, -1).map((_, at) => parts.slice(at).join('.'));
      return [...new Set([text, ...names])].flatMap((indicator) => this.#exactly(indicator));
    }
    const family = version === 4 ? 'ipv4' : 'ipv6';
    const networks = this.#networks.filter(({ list }) => list.check(text, family));
    return [...this.#exactly(text), ...networks.map(({ indicator, source }) => ({ indicator, source }))];
  }

  #exactly(indicator: string): Match[] {
    const source = this.#exact.get(indicator);
    return source === undefined ? [] : [{ indicator, source }];
  }
}
