/** Names of addresses under versions: a node that has one of the last versions is sent what changed since, another all. */
import { createHash } from 'node:crypto';

/** `since` empty: all there are, in place of what is known. */
export interface PeerChanges {
  readonly version: string;
  readonly since: string;
  readonly names: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  readonly gone: readonly string[];
}

interface Step {
  readonly from: string;
  /** Address → its name from then on; null: none. */
  readonly changed: ReadonlyMap<string, string | null>;
}

/** Versions that are remembered: with a change each two seconds, a quarter of an hour. */
const MAX_STEPS = 512;

function versionOf(table: ReadonlyMap<string, string>): string {
  if (table.size === 0) return '';
  const lines = [...table].map(([address, name]) => `${address} ${name}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);
}

function grouped(entries: Iterable<readonly [string, string]>): PeerChanges['names'] {
  const byName = new Map<string, string[]>();
  for (const [address, name] of entries) {
    const addresses = byName.get(name);
    if (addresses === undefined) byName.set(name, [address]);
    else addresses.push(address);
  }
  return [...byName].map(([name, addresses]) => ({ name, addresses }));
}

export class PeerTable {
  version = '';
  #table: ReadonlyMap<string, string> = new Map();
  #steps: Step[] = [];
  /** Of `version`; made when the first node asks. */
  #whole: PeerChanges | null = null;

  get size(): number {
    return this.#table.size;
  }

  use(table: ReadonlyMap<string, string>): void {
    const version = versionOf(table);
    if (version === this.version) return;
    const changed = new Map<string, string | null>();
    for (const [address, name] of table) if (this.#table.get(address) !== name) changed.set(address, name);
    for (const address of this.#table.keys()) if (!table.has(address)) changed.set(address, null);
    this.#steps = [...this.#steps, { from: this.version, changed }].slice(-MAX_STEPS);
    this.#table = table;
    this.version = version;
    this.#whole = null;
  }

  /** Null: nothing changed since. */
  since(version: string): PeerChanges | null {
    if (version === this.version) return null;
    const at = this.#steps.findLastIndex(({ from }) => from === version);
    if (version === '' || at === -1) return this.#all();
    const changed = new Map<string, string | null>();
    for (const step of this.#steps.slice(at))
      for (const [address, name] of step.changed) changed.set(address, name);
    if (changed.size > this.#table.size / 2) return this.#all();
    const names = [...changed].filter((entry): entry is [string, string] => entry[1] !== null);
    const gone = [...changed].filter(([, name]) => name === null).map(([address]) => address);
    return { version: this.version, since: version, names: grouped(names), gone };
  }

  #all(): PeerChanges {
    this.#whole ??= { version: this.version, since: '', names: grouped(this.#table), gone: [] };
    return this.#whole;
  }
}
