/**
 * What a text must have for a regular expression to match it: one of some literals. Dozens of expressions are asked about one
 * command line, and nearly all of them are answered by looking whether it has the pairs of characters of their literals; the
 * pairs are noted once for all.
 */

/** Shortest literal that has a pair of characters. */
const MIN_LITERAL = 2;
/** More literals are looked through as slowly as the expression runs. */
const MAX_LITERALS = 40;
const BITS = 1024;

/** One of these is in every text that matches; null: nothing of the kind can be said. */
export type Literals = readonly string[] | null;

/** Something that is not read: a wrong answer would hide a match. */
class Unread extends Error {}

/** Reads one expression without flags. */
class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  alternatives(): Literals {
    const each: Literals[] = [this.#sequence()];
    while (this.#source[this.#at] === '|') {
      this.#at += 1;
      each.push(this.#sequence());
    }
    return each.every((one) => one !== null) ? each.flat() : null;
  }

  /** The best of what its parts must have. */
  #sequence(): Literals {
    let best: Literals = null;
    let run = '';
    const offer = (literals: Literals): void => {
      if (literals !== null && strengthOf(literals) > strengthOf(best)) best = literals;
    };
    const end = (): void => {
      offer(run.length >= MIN_LITERAL ? [run] : null);
      run = '';
    };
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at] ?? '')) {
      const atom = this.#atom();
      const { optional, repeated } = this.#quantifier();
      if (atom.kind === 'nothing') continue;
      if (atom.kind === 'character' && !optional) run += atom.text;
      if (atom.kind === 'character' && !optional && !repeated) continue;
      end();
      if (atom.kind === 'group' && !optional) offer(atom.literals);
    }
    end();
    return best;
  }

  #atom():
    | { readonly kind: 'character'; readonly text: string }
    | { readonly kind: 'group'; readonly literals: Literals }
    | { readonly kind: 'nothing' | 'anything' } {
    const c = this.#source[this.#at] ?? '';
    this.#at += 1;
    if (c === '^' || c === '$') return { kind: 'nothing' };
    if (c === '.') return { kind: 'anything' };
    if (c === '[') return this.#set();
    if (c === '(') return this.#group();
    if (c !== '\\') return { kind: 'character', text: c };
    const escaped = this.#source[this.#at] ?? '';
    this.#at += 1;
    if (escaped === 'b' || escaped === 'B') return { kind: 'nothing' };
    // A letter or digit stands for a class, a code or a group; all else for itself.
    if (!/[a-zA-Z0-9]/.test(escaped)) return { kind: 'character', text: escaped };
    if (!/[dDwWsS]/.test(escaped)) throw new Unread(escaped);
    return { kind: 'anything' };
  }

  #set(): { readonly kind: 'anything' } {
    while (this.#at < this.#source.length && this.#source[this.#at] !== ']')
      this.#at += this.#source[this.#at] === '\\' ? 2 : 1;
    this.#at += 1;
    return { kind: 'anything' };
  }

  #group(): { readonly kind: 'group'; readonly literals: Literals } {
    if (this.#source.startsWith('?:', this.#at)) this.#at += 2;
    // Looks around, names and flags.
    else if (this.#source[this.#at] === '?') throw new Unread('?');
    const literals = this.alternatives();
    this.#at += 1;
    return { kind: 'group', literals };
  }

  #quantifier(): { readonly optional: boolean; readonly repeated: boolean } {
    const [found = ''] = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(this.#source.slice(this.#at)) ?? [];
    this.#at += found.length;
    return { optional: /^(?:[*?]|\{0)/.test(found), repeated: found !== '' };
  }
}

/** A set of literals is as good as its shortest. */
const strengthOf = (literals: Literals): number =>
  literals === null ? 0 : Math.min(...literals.map(({ length }) => length));

export function literalsOf(source: string): Literals {
  try {
    const found = new Reader(source).alternatives();
    return found === null || found.length > MAX_LITERALS ? null : [...new Set(found)];
  } catch (error) {
    if (error instanceof Unread) return null;
    throw error;
  }
}

const pairAt = (text: string, at: number): number =>
  (text.charCodeAt(at) * 37 + text.charCodeAt(at + 1)) & (BITS - 1);

const noted = new Uint8Array(BITS);
let notedText = '';

/** Notes the pairs of a text; for the same text again, nothing is done. */
function note(text: string): void {
  if (text === notedText) return;
  noted.fill(0);
  for (let at = text.length - 2; at >= 0; at -= 1) noted[pairAt(text, at)] = 1;
  notedText = text;
}

/** Whether the expression may match a text; false is certain. Null: that cannot be told without asking it. */
export function mayMatch(source: string): ((text: string) => boolean) | null {
  const literals = literalsOf(source);
  if (literals === null) return null;
  const each = literals.map((literal) =>
    Uint16Array.from({ length: literal.length - 1 }, (_, at) => pairAt(literal, at)),
  );
  return (text) => {
    note(text);
    return each.some((pairs) => {
      for (const pair of pairs) if (noted[pair] === 0) return false;
      return true;
    });
  };
}
