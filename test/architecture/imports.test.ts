/** The import table of the house style, over every statement of the sources. */
import { describe, expect, test } from 'vitest';
import { codeFiles, type Import, importsOf, projectFiles } from './sources.ts';

const AGENT_STAGES = [
  'events',
  'resources',
  'identity',
  'features',
  'situation',
  'models',
  'training',
  'profile',
  'alerts',
  'rules',
  'contain',
  'uplink',
];
const CENTRAL_STAGES = [
  'ingest',
  'audit',
  'correlate',
  'respond',
  'cluster',
  'notify',
  'feedback',
  'store',
  'console',
];

/** Folders of ours beyond earlier stages and `kit` that a stage may import from. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  'agent/events': ['native/index.ts (types)', 'wire'],
  'agent/contain': ['native/index.ts (types)', 'wire'],
  'agent/uplink': ['wire'],
  'central/ingest': ['wire'],
  // What the stages above keep, send or sign is in the wire's shapes.
  'central/respond': ['wire'],
};

/** The rule language has one compiler, with which central checks what it sends to nodes. */
const COMPILER = { from: 'central/rule-check.ts', to: 'agent/rules/check.ts' };

const isInside = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

/** Why this import is against the table, or null. */
function verdict({ from, to, own, typeOnly }: Import): string | null {
  if (!own) return null;
  const [top = '', second = ''] = from.split('/');
  const [targetTop = '', targetSecond = ''] = to.split('/');
  if (targetTop === 'test') return 'the tests are never imported';
  if (targetTop === 'cli' && top !== 'cli') return 'cli is never imported';
  if (top === 'cli') return null;
  if (top === 'kit' || top === 'wire') return targetTop === top ? null : 'a leaf imports packages only';
  if (top === 'native')
    return isInside(to, 'native') || isInside(to, 'build') ? null : 'native imports nothing of ours';
  if (targetTop === 'kit') return null;
  if (from === COMPILER.from && to === COMPILER.to) return null;
  const other = top === 'agent' ? 'central' : 'agent';
  if (targetTop === other) return `${top} never imports ${other}`;
  const stages = top === 'agent' ? AGENT_STAGES : CENTRAL_STAGES;
  if (!stages.includes(second)) return fromTop(top, targetTop, to);
  const doors = DOORS[`${top}/${second}`] ?? [];
  if (targetTop === 'wire')
    return doors.includes('wire') ? null : `${top}/${second} does not speak to the wire`;
  if (to === 'native/index.ts')
    return typeOnly && doors.includes('native/index.ts (types)')
      ? null
      : 'only types, and only where records are read';
  if (targetTop !== top) return `nothing of ${targetTop} is open to a stage`;
  if (!stages.includes(targetSecond)) return wiringType(to, typeOnly);
  return stages.indexOf(targetSecond) <= stages.indexOf(second)
    ? null
    : `${targetSecond} comes after ${second}`;
}

/** Files directly in agent/ and central/: they wire the stages, or are the process's own. */
function fromTop(top: string, targetTop: string, to: string): string | null {
  if (targetTop === top || targetTop === 'wire') return null;
  return top === 'agent' && to === 'native/index.ts' ? null : `${top} has no use for ${targetTop}`;
}

/** A stage may know the shape of the settings, not the wiring. */
function wiringType(to: string, typeOnly: boolean): string | null {
  if (/^(agent|central)\/settings\.ts$/.test(to))
    return typeOnly ? null : 'settings are handed to a stage, not imported';
  return 'a stage does not import the wiring';
}

const imports = codeFiles().flatMap((path) => importsOf(path));

/** Groups of files that import each other, found by walking down from every file. */
function cycles(edges: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to, own, typeOnly } of edges)
    if (own && !typeOnly) next.set(from, [...(next.get(from) ?? []), to]);
  const found = new Set<string>();
  const done = new Set<string>();
  const walk = (path: string, above: readonly string[]): void => {
    const at = above.indexOf(path);
    if (at !== -1) found.add([...above.slice(at), path].join(' -> '));
    if (at !== -1 || done.has(path)) return;
    for (const to of next.get(path) ?? []) walk(to, [...above, path]);
    done.add(path);
  };
  for (const path of next.keys()) walk(path, []);
  return [...found];
}

describe('imports', () => {
  test('are found in every form that the sources use', () => {
    const text = [
      "import a from './a.ts';",
      "import type { B } from '../b.ts';",
      "import {\n  c,\n  type D,\n} from 'c';",
      "export { e } from './e.ts';",
      "const f = await import('./f.ts');",
      "import 'g';",
      "// import no from './no.ts';",
    ].join('\n');
    expect(importsOf('agent/x/y.ts', text).map(({ to, typeOnly }) => [to, typeOnly])).toEqual([
      ['agent/x/a.ts', false],
      ['agent/b.ts', true],
      ['c', false],
      ['agent/x/e.ts', false],
      ['agent/x/f.ts', false],
      ['g', false],
    ]);
  });

  test.each<[string, Import, string | null]>([
    [
      'a later stage',
      { from: 'agent/events/a.ts', to: 'agent/models/b.ts', own: true, typeOnly: true },
      'models comes after events',
    ],
    [
      'an earlier stage',
      { from: 'agent/models/a.ts', to: 'agent/events/b.ts', own: true, typeOnly: false },
      null,
    ],
    [
      'the other process',
      { from: 'central/ingest/a.ts', to: 'agent/events/b.ts', own: true, typeOnly: true },
      'central never imports agent',
    ],
    [
      'out of a leaf',
      { from: 'kit/a.ts', to: 'wire/index.ts', own: true, typeOnly: false },
      'a leaf imports packages only',
    ],
    [
      'a command',
      { from: 'agent/agent.ts', to: 'cli/main.ts', own: true, typeOnly: false },
      'cli is never imported',
    ],
  ])('the table judges %s', (_, statement, expected) => {
    expect(verdict(statement)).toBe(expected);
  });

  test('follow the table', () => {
    const against = imports.flatMap((found) => {
      const why = verdict(found);
      return why === null ? [] : [`${found.from} imports ${found.to}: ${why}`];
    });
    expect(imports.length).toBeGreaterThan(50);
    expect(against).toEqual([]);
  });

  test('name files that exist, with their ending', () => {
    const known = new Set([...projectFiles(), 'wire/generated/messages.js']);
    const lost = imports.filter(({ own, to }) => own && !known.has(to));
    expect(lost.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  test('form no cycle', () => {
    expect(cycles(imports)).toEqual([]);
  });

  test('a cycle is recognized', () => {
    const edge = (from: string, to: string): Import => ({ from, to, own: true, typeOnly: false });
    expect(cycles([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toEqual(['b -> c -> b']);
  });
});
