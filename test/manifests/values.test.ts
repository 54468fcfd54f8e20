/** The chart's values: each with a sentence, and in the schema, which refuses what it does not know. */
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { read } from '../architecture/sources.ts';

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | object;
  readonly required?: readonly string[];
}

const text = read('manifests/chart/values.yaml');
const values = parse(text) as Record<string, unknown>;
const schema = JSON.parse(read('manifests/chart/values.schema.json')) as Schema;
/** Kubernetes' own shapes: what is in them is not ours to explain. */
const FOREIGN = new Set(['resources', 'tolerations']);
/** Helm adds it for charts within charts. */
const OF_HELM = 'global';

/** `agent.resources`, and what holds a value of its own. */
function paths(value: unknown, above: readonly string[] = []): string[] {
  const name = above.at(-1) ?? '';
  if (typeof value !== 'object' || value === null || Array.isArray(value) || FOREIGN.has(name))
    return [above.join('.')];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [above.join('.')]
    : entries.flatMap(([key, inner]) => paths(inner, [...above, key]));
}

/** Paths of values whose line has no comment above it. */
function unexplained(): string[] {
  const open: string[] = [];
  let before = '';
  const bare: string[] = [];
  for (const line of text.split('\n')) {
    const key = /^( *)([A-Za-z]+):/.exec(line);
    if (key !== null) {
      const depth = (key[1] ?? '').length / 2;
      open.splice(depth, open.length, key[2] ?? '');
      if (!before.trim().startsWith('#')) bare.push(open.join('.'));
    }
    if (line.trim() !== '') before = line;
  }
  return bare;
}

describe('values.yaml', () => {
  test('explains each value in the line above it', () => {
    const all = new Set(paths(values));
    expect(unexplained().filter((path) => all.has(path))).toEqual([]);
    expect(all.size).toBeGreaterThan(30);
  });

  test('has in its schema each value and no other, and the schema refuses the rest', () => {
    const compare = (value: unknown, at: Schema, where: string): void => {
      if (typeof value !== 'object' || value === null || at.properties === undefined) return;
      if (FOREIGN.has(where.split('.').at(-1) ?? '')) return;
      const names = Object.keys(value).sort();
      const known = Object.keys(at.properties).filter((name) => name !== OF_HELM);
      expect(known.sort(), where).toEqual(names);
      expect([...(at.required ?? [])].sort(), where).toEqual(names);
      expect(at.additionalProperties, where).toBe(false);
      for (const [name, inner] of Object.entries(value))
        compare(inner, at.properties[name] ?? {}, `${where}.${name}`);
    };
    compare(values, schema, 'values');
  });
});
