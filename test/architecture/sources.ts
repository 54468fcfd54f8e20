/** The project's own files, and what each code file imports; read once for all tests of this folder. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Paths from the root of everything that git keeps or would keep: generated and installed files are left out. */
export function projectFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 ** 2,
  });
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

export interface Import {
  /** The file that imports and what it names: a path from the root for our own files, else as written. */
  readonly from: string;
  readonly to: string;
  readonly own: boolean;
  /** `import type` and `export type ... from`: gone at run time. */
  readonly typeOnly: boolean;
}

/** Static, re-exporting and dynamic imports. Comments are cut first, so that prose about imports counts as none. */
const STATEMENT =
  /^\s*(import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

export function importsOf(path: string, text: string = read(path)): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(STATEMENT)].flatMap(([, , type, named, dynamic]) => {
    const to = named ?? dynamic ?? '';
    const own = to.startsWith('.');
    const resolved = own ? posix.join(posix.dirname(path), to) : to;
    return [{ from: path, to: resolved, own, typeOnly: type !== undefined }];
  });
}

/** TypeScript and JavaScript of the product, without the tests. */
export const codeFiles = (): string[] =>
  projectFiles().filter(
    (path) => /\.(ts|mjs)$/.test(path) && /^(agent|central|cli|kit|wire|native)\//.test(path),
  );
