/** The Dockerfile against the tree: no engine here builds it, so its sources and promises are compared. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { read, root } from '../architecture/sources.ts';

const lines = read('Dockerfile')
  .replace(/^\s*#.*$/gm, '')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .map((line) => line.trim())
  .filter((line) => line !== '');
/** The one argument that names the base. */
const base = '$' + '{BASE}';
const ignored = read('.dockerignore')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

test('package, chart and the list of changes name one version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const chart = read('manifests/chart/Chart.yaml');
  expect(chart).toContain(`\nversion: ${version}\nappVersion: ${version}\n`);
  expect(/^### (\S+)/m.exec(read('README.md').split('## List of changes')[1] ?? '')?.[1]).toBe(version);
});

describe('Dockerfile', () => {
  test('starts picket with the flags that the launcher gives', () => {
    const list = /export const NODE_FLAGS = \[([^\]]*)\]/.exec(read('cli/setup/command.mjs'))?.[1] ?? '';
    const flags = [...list.matchAll(/'([^']+)'/g)].map((match) => match[1]);
    expect(flags).toContain('--max-semi-space-size=1');
    expect(read('Dockerfile')).toContain(`/usr/local/bin/node ${flags.join(' ')} /opt/picket/`);
  });

  test('names no base by a moving tag', () => {
    expect(read('Dockerfile')).not.toMatch(/latest/);
    expect(lines.filter((line) => line.startsWith('FROM')).map((line) => line.split(' ')[1])).toEqual([
      base,
      base,
    ]);
  });

  test('copies what exists: sources from the tree, the rest from what the build makes', () => {
    // Made under a name of the image's own: the line that moves it there stands in the Dockerfile.
    const moved = new Set(['/opt/node']);
    expect(read('Dockerfile')).toContain('mv node_modules/node-linux-*/bin/node /opt/node');
    for (const line of lines.filter((text) => text.startsWith('COPY'))) {
      const [, ...words] = line.split(/\s+/);
      const fromBuilder = words[0] === '--from=builder';
      const sources = words.filter((word) => !word.startsWith('--')).slice(0, -1);
      expect(sources.length).toBeGreaterThan(0);
      for (const source of sources) {
        if (moved.has(source)) continue;
        const path = fromBuilder ? source.replace(/^\/opt\/picket\//, '') : source;
        expect(existsSync(join(root, path)), `${path} of: ${line}`).toBe(true);
        if (!fromBuilder) expect(ignored).not.toContain(path);
      }
    }
  });

  test('ends as an unprivileged user with picket as its first process', () => {
    expect(lines.filter((line) => line.startsWith('USER')).at(-1)).toBe('USER 65532:65532');
    expect(lines).toContain('ENTRYPOINT ["/usr/local/bin/picket"]');
    expect(read('Dockerfile')).toContain('exec /usr/local/bin/node');
  });

  test('installs only libraries in the image that runs', () => {
    const runtime = lines.slice(lines.findIndex((line) => line.endsWith(' AS runtime')));
    const packages = runtime.flatMap(
      (line) => /--no-install-recommends (.*?)\s+&&/.exec(line)?.[1]?.split(/\s+/) ?? [],
    );
    expect(packages.filter((name) => !/^(lib|zlib1g$)/.test(name))).toEqual([]);
  });

  test('leaves everything built or secret of a checkout outside', () => {
    expect(ignored).toEqual(expect.arrayContaining(['.git', 'node_modules', 'dist', 'build', '.cache']));
  });
});
