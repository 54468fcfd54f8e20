/** The YAML of one file with places: values are asked for by type, and everything wrong is kept as a problem. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type YAMLMap } from 'yaml';
import type { Place, Problem, Text } from './document.ts';

/** Bytes of one rule file, and documents in it. */
const MAX_BYTES = 1024 * 1024;
const MAX_DOCUMENTS = 500;

type Value = Node | null | undefined;

export class YamlFile {
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #source: string;
  readonly #lines = new LineCounter();

  constructor(file: string, source: string) {
    this.#file = file;
    this.#source = source;
  }

  /** The documents that are maps; broken YAML is a problem. */
  documents(): YAMLMap[] {
    if (this.#source.length > MAX_BYTES) {
      this.refuse(null, `the file is larger than ${MAX_BYTES} bytes`);
      return [];
    }
    const parsed = parseAllDocuments(this.#source, { lineCounter: this.#lines });
    if (!Array.isArray(parsed)) return [];
    if (parsed.length > MAX_DOCUMENTS) this.refuse(null, `more than ${MAX_DOCUMENTS} documents`);
    const found: YAMLMap[] = [];
    for (const document of parsed.slice(0, MAX_DOCUMENTS)) {
      // What follows the first fault of a document is mostly its consequence.
      const [fault] = document.errors;
      if (fault !== undefined) {
        const words = fault.message.split('\n')[0]?.replace(/ at line.*$/, '') ?? '';
        this.problems.push({ ...this.#at(fault.pos[0]), reason: `YAML: ${words}` });
      }
      if (document.errors.length > 0 || document.contents === null) continue;
      if (isMap(document.contents)) found.push(document.contents);
      else this.refuse(document.contents, 'a document is a map');
    }
    return found;
  }

  place(node: Value): Place {
    return this.#at(node?.range?.[0] ?? 0);
  }

  refuse(node: Value, reason: string): void {
    this.problems.push({ ...this.place(node), reason });
  }

  /** Values of a map by name; names that are not among `known` are problems. */
  fields<Name extends string>(
    node: Value,
    known: readonly Name[],
    what: string,
  ): Partial<Record<Name, Node>> {
    const found: Partial<Record<Name, Node>> = {};
    if (!isMap(node)) {
      this.refuse(node, `${what} is a map`);
      return found;
    }
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      const field = known.find((each) => each === name);
      if (field === undefined) this.refuse(key as Value, `${what} has no field "${name}"`);
      else if (value !== null) found[field] = value as Node;
    }
    return found;
  }

  /** Names and values of a map with names of the writer's choice. */
  entries(node: Value, what: string): (readonly [name: string, value: Value, key: Value])[] {
    if (node === undefined) return [];
    if (!isMap(node)) {
      this.refuse(node, `${what} is a map`);
      return [];
    }
    return node.items.map(({ key, value }) => [
      isScalar(key) ? String(key.value) : '',
      value as Value,
      key as Value,
    ]);
  }

  items(node: Value, what: string): Node[] {
    if (node === undefined || node === null) return [];
    if (isSeq(node)) return node.items as Node[];
    this.refuse(node, `${what} is a list`);
    return [];
  }

  string(node: Value, what: string): string | null {
    if (isScalar(node) && typeof node.value === 'string') return node.value;
    this.refuse(node, `${what} is a text`);
    return null;
  }

  /** A list of texts; one text of several words is the list of its words. */
  strings(node: Value, what: string): string[] {
    if (isScalar(node) && typeof node.value === 'string')
      return node.value.split(/\s+/).filter((word) => word !== '');
    return this.items(node, what).flatMap((item) => {
      const text =
        isScalar(item) && typeof item.value === 'number' ? String(item.value) : this.string(item, what);
      return text === null ? [] : [text];
    });
  }

  number(node: Value, what: string, [min, max]: readonly [number, number]): number {
    if (isScalar(node) && typeof node.value === 'number' && node.value >= min && node.value <= max)
      return node.value;
    this.refuse(node, `${what} is a number from ${min} to ${max}`);
    return min;
  }

  boolean(node: Value, what: string): boolean {
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    this.refuse(node, `${what} is true or false`);
    return true;
  }

  choice<Name extends string>(node: Value, known: readonly Name[], what: string): Name | null {
    const text = this.string(node, what);
    if (text === null) return null;
    const found = known.find((each) => each === text);
    if (found === undefined) this.refuse(node, `${what} is one of ${known.join(', ')}, not "${text}"`);
    return found ?? null;
  }

  /** A text that knows where its characters stand. */
  text(node: Value, what: string): Text | null {
    if (isScalar(node) && (typeof node.value === 'boolean' || typeof node.value === 'number'))
      return { text: String(node.value), place: () => this.place(node) };
    const text = this.string(node, what);
    return text === null ? null : { text, place: (offset) => this.#at(this.#sourceOffset(node, offset)) };
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** Where a character of a value stands in the file: folded lines are one blank there, blocks are indented. */
  #sourceOffset(node: Value, offset: number): number {
    if (!isScalar(node) || node.range === undefined || node.range === null) return 0;
    const block = node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL';
    const blanks = (from: number): number => {
      let at = from;
      while (this.#source[at] === ' ' || this.#source[at] === '\n') at += 1;
      return at;
    };
    let at = node.range[0];
    if (block) at = blanks(this.#source.indexOf('\n', at));
    else if (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE') at += 1;
    for (let left = offset; left > 0; left--) at = this.#source[at] === '\n' ? blanks(at) : at + 1;
    return at;
  }
}
