/** Whom the addresses of the whole cluster belong to, as central sends it: `namespace/Kind/name` of a workload or a service. */

/** Further addresses are not known by name; central sends no more. */
const MAX_ADDRESSES = 20_000;
/** Addresses whose first name is remembered. */
const MAX_REMEMBERED = 2 * MAX_ADDRESSES;
const MAX_NAME = 512;
const MAX_TEXT = 8 * 1024 * 1024;
const ADDRESS = /^[0-9a-f.:]{2,45}$/;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export class ClusterPeers {
  /** Of what is known now; empty: nothing. */
  version = '';
  /** Changes that belong to another version than was known: central sends them again. */
  stale = 0;
  readonly #names = new Map<string, string>();
  /** The first name that an address had, also of addresses that have none now; '': it changed hands before this agent began. */
  readonly #first = new Map<string, string>();

  get size(): number {
    return this.#names.size;
  }

  nameOf(address: string): string | null {
    return this.#names.get(address) ?? null;
  }

  /** Whether it never was another's: what is known of the address itself is then of who has it now. */
  isFirst(address: string): boolean {
    const name = this.#names.get(address);
    return name !== undefined && this.#first.get(address) === name;
  }

  /** Takes a document over: all there are, or what changed since the version that is known. @throws when it is none. */
  use(document: string): void {
    const value: unknown = document.length > MAX_TEXT ? null : JSON.parse(document);
    if (!isObject(value) || typeof value['version'] !== 'string') throw new Error('peers: no version');
    const since = text(value['since']);
    if (since !== '' && since !== this.version) {
      this.stale += 1;
      return;
    }
    if (since === '') this.#names.clear();
    for (const address of list(value['moved']).map(text)) this.#remember(address, '');
    for (const address of list(value['gone'])) this.#names.delete(text(address));
    for (const entry of list(value['names'])) this.#put(entry);
    this.version = value['version'];
  }

  /** All that is known, as a document that can be taken over. */
  document(): string {
    const names = [...this.#names].map(([address, name]) => ({ name, addresses: [address] }));
    // Also those that nobody has: who is given one after a restart takes over what another had.
    const moved = [...new Set([...this.#names.keys(), ...this.#first.keys()])].filter(
      (address) => !this.isFirst(address),
    );
    return JSON.stringify({ version: this.version, since: '', names, gone: [], moved });
  }

  /** When there is no more room an address counts as one that changed hands: it is told as new, not taken for known. */
  #remember(address: string, name: string): void {
    if (ADDRESS.test(address) && this.#first.size < MAX_REMEMBERED && !this.#first.has(address))
      this.#first.set(address, name);
  }

  #put(entry: unknown): void {
    if (!isObject(entry)) return;
    const name = text(entry['name']);
    if (name === '' || name.length > MAX_NAME) return;
    for (const address of list(entry['addresses']).map(text))
      if (ADDRESS.test(address) && (this.#names.size < MAX_ADDRESSES || this.#names.has(address)))
        this.#named(address, name);
  }

  #named(address: string, name: string): void {
    this.#names.set(address, name);
    this.#remember(address, name);
  }
}
