/** The launcher's parts, run by the Node that runs the tests, on folders and programs of their own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from '../architecture/sources.ts';

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-launcher-'));
});
afterEach(() => {
  for (const child of children.splice(0)) {
    // Ends what a killed launcher left behind: it waits for the end of its input.
    child.stdin?.destroy();
    child.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true });
});

/** A module's text that imports the launcher's parts by their absolute names. */
const script = (parts: Readonly<Record<string, string>>, body: string): string =>
  Object.entries(parts)
    .map(([names, file]) => `import { ${names} } from ${JSON.stringify(join(root, 'cli/setup', file))};`)
    .concat(body)
    .join('\n');

function run(text: string, env: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

function start(text: string): ChildProcess & { words: string } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const started = Object.assign(child, { words: '' });
  child.stdout.on('data', (chunk: Buffer) => {
    started.words += chunk.toString();
  });
  children.push(child);
  return started;
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('not within 5 s');
}

describe('stamps', () => {
  const fingerprint = (): string => {
    const text = script(
      { fingerprint: 'stamp.mjs' },
      `process.stdout.write(fingerprint([${JSON.stringify(folder)}]))`,
    );
    return run(text).stdout;
  };

  test('change with content, name and number of files, not with what a build leaves behind', () => {
    writeFileSync(join(folder, 'a.ts'), 'one');
    const first = fingerprint();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    mkdirSync(join(folder, 'generated'));
    writeFileSync(join(folder, 'generated/x.js'), 'made');
    expect(fingerprint()).toBe(first);
    writeFileSync(join(folder, 'b.ts'), '');
    const second = fingerprint();
    expect(second).not.toBe(first);
    utimesSync(join(folder, 'a.ts'), 1, 1);
    const third = fingerprint();
    expect(third).not.toBe(second);
    rmSync(join(folder, 'a.ts'));
    expect(fingerprint()).not.toBe(third);
  });
});

describe('set-up lock', () => {
  const holding = (): string =>
    script(
      { takeLock: 'lock.mjs' },
      `const release = takeLock((pid) => console.log('waiting', pid), ${JSON.stringify(folder)});
       console.log('held');
       process.stdin.on('end', () => { release(); console.log('released'); }).resume();`,
    );

  test('lets one process in at a time', async () => {
    const first = start(holding());
    await until(() => first.words.includes('held'));
    const second = start(holding());
    await until(() => second.words === `waiting ${first.pid}\n`);
    first.stdin?.end();
    await until(() => second.words.endsWith('held\n'));
    second.stdin?.end();
    await once(second, 'exit');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is taken over from a process that was killed', async () => {
    const first = start(holding());
    await until(() => first.words.includes('held'));
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = start(holding());
    await until(() => second.words === 'held\n');
    expect(readFileSync(join(folder, 'set-up.lock'), 'utf8').split(' ')[0]).toBe(String(second.pid));
  });

  test('a reused pid does not count as its holder', async () => {
    writeFileSync(join(folder, 'set-up.lock'), `${process.pid} 1`);
    const second = start(holding());
    await until(() => second.words === 'held\n');
  });
});

describe('becoming another program', () => {
  // Without execve, as Debian's Node 18 is, the launcher stays as a parent.
  const becoming = (command: string, args: readonly string[]): string =>
    script(
      { become: 'run.mjs' },
      `process.execve = undefined; become(${JSON.stringify(command)}, ${JSON.stringify(args)}, process.env);`,
    );

  test('ends with its exit code', () => {
    expect(run(becoming('/bin/sh', ['-c', 'exit 7'])).status).toBe(7);
  });

  test('ends by the signal that ended it', () => {
    expect(run(becoming('/bin/sh', ['-c', 'kill -KILL $$'])).signal).toBe('SIGKILL');
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('hands on %s', async (signal) => {
    const program = `process.on('${signal}', () => { console.log('got'); process.exit(3); });
      process.stdin.on('end', () => process.exit()).resume(); console.log('up');`;
    const child = start(becoming(process.execPath, ['-e', program]));
    await until(() => child.words === 'up\n');
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([3, null]);
    expect(child.words).toBe('up\ngot\n');
  });

  test('with execve it is the same process', () => {
    const text = script(
      { become: 'run.mjs' },
      `console.log(process.pid); become('/bin/sh', ['-c', 'echo $$'], process.env);`,
    );
    const [before, after] = run(text).stdout.trim().split('\n');
    expect(after).toBe(before);
  });
});

describe('system packages', () => {
  test('a missing one is named, one that is there is not', () => {
    const text = script(
      { missingPackages: 'system-packages.mjs' },
      `console.log(JSON.stringify(missingPackages({ 'libc6': 'ldd', 'no-such-package': 'no-such-program' })))`,
    );
    expect(JSON.parse(run(text).stdout)).toEqual(['no-such-package']);
  });

  test('without root the exact command is told, with exit code 2', () => {
    const text = script(
      { packagesStep: 'system-packages.mjs', SetUpError: 'run.mjs' },
      `process.getuid = () => 1000;
       try { packagesStep({ 'no-such-package': 'no-such-program' }).run(); }
       catch (error) { if (error instanceof SetUpError) console.log(error.exitCode, error.message); }`,
    );
    expect(run(text).stdout).toContain(
      '\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends no-such-package\n',
    );
    expect(run(text).stdout).toMatch(/^2 /);
  });
});

describe('a start after the set-up', () => {
  const launch = (...args: string[]) =>
    spawnSync(process.execPath, ['cli/launch.mjs', ...args], { cwd: root, encoding: 'utf8' });

  test('does none of it again, says nothing of its own, and hands on arguments and exit code', () => {
    launch('version');
    const { stdout, stderr, status } = launch('version');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect({ stdout, stderr, status }).toEqual({ stdout: `${version}\n`, stderr: '', status: 0 });
    expect(launch('no-such-command').status).toBe(2);
  });

  test('the executable without set-up does the same', () => {
    const { stdout, status } = spawnSync(join(root, 'cli/picket.mjs'), ['version'], { encoding: 'utf8' });
    expect({ stdout, status }).toEqual({ stdout: launch('version').stdout, status: 0 });
  });

  test('the sources run as they are when asked for', () => {
    const { stdout, status } = spawnSync(process.execPath, ['cli/launch.mjs', 'version'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, PICKET_INTERNAL_SOURCES: '1' },
    });
    expect({ stdout, status }).toEqual({ stdout: launch('version').stdout, status: 0 });
  });
});

describe('npm', () => {
  test('compares with the pinned version, and what it starts does not', () => {
    const report = 'console.log(process.version)';
    const nested = `${report}; require('node:child_process').spawnSync(process.execPath, ['-e', '${report}'], { stdio: 'inherit' })`;
    const { stdout } = spawnSync(process.execPath, ['-e', nested], {
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE_OPTIONS: `--require ${JSON.stringify(join(root, 'cli/setup/as-pinned-node.cjs'))}`,
        PICKET_INTERNAL_PINNED_NODE: 'v99.0.0',
      },
    });
    expect(stdout).toBe(`v99.0.0\n${process.version}\n`);
  });
});

describe('emitted code', () => {
  test.each([
    ['kysely', 'kysely'],
    ['kysely/migration', 'kysely-migration'],
    ['@peculiar/x509', 'x509'],
  ])('the one file of %s has every export of the package', (name, file) => {
    const reflect = `await import(${JSON.stringify(join(root, 'kit/reflect-metadata.ts'))});`;
    const text = (from: string) =>
      `${reflect} const all = Object.keys(await import(${JSON.stringify(from)}));
       console.log(JSON.stringify(all.filter((key) => !['default', 'module.exports'].includes(key)).sort()));`;
    const names = (from: string): unknown => JSON.parse(run(text(from), {}).stdout);
    const expected = names(name) as string[];
    expect(expected.length).toBeGreaterThan(1);
    expect(names(join(root, 'dist/vendor', `${file}.js`))).toEqual(expected);
  });
});

describe('joined code', () => {
  test('says the same of where its files lie, and loads later what is asked for later', () => {
    const file = (path: string, text: string) => {
      mkdirSync(join(folder, 'out', path, '..'), { recursive: true });
      writeFileSync(join(folder, 'out', path), text);
    };
    const place = '[import.meta.url, import.meta.dirname, import.meta.filename, import.meta.main]';
    file('package.json', '{ "type": "module" }');
    file('deep/er/place.js', `export const place = ${place};`);
    file('later.js', `globalThis.late = true; export const place = ${place};`);
    file(
      'cli/main.js',
      `import { place } from '../deep/er/place.js';
       const early = globalThis.late ?? false;
       const later = (await import('../later.js')).place;
       console.log(JSON.stringify({ own: ${place}, place, early, later }));`,
    );
    const asProgram = () => spawnSync(process.execPath, [join(folder, 'out/cli/main.js')]).stdout.toString();
    const before = asProgram();
    const { status, stderr } = spawnSync(process.execPath, ['cli/setup/bundle.mjs', join(folder, 'out')], {
      cwd: root,
      encoding: 'utf8',
    });

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(before).toContain('"early":false');
    expect(asProgram()).toBe(before);
    expect(readFileSync(join(folder, 'out/cli/main.js'), 'utf8')).toBe("import '../bundle/main.js';\n");
  });
});

describe('counts of a test run', () => {
  test('add up tests, and count a file that could not be loaded as a failure', () => {
    const report = {
      testResults: [
        {
          name: '/a.test.ts',
          status: 'failed',
          assertionResults: [
            { status: 'passed' },
            { status: 'failed' },
            { status: 'skipped', fullName: 's' },
          ],
        },
        { name: '/b.test.ts', status: 'failed', assertionResults: [] },
        { name: '/c.test.ts', status: 'passed', assertionResults: [{ status: 'pending', fullName: 'p' }] },
      ],
    };
    const text = script(
      { countTests: 'test-report.mjs' },
      `console.log(JSON.stringify(countTests(${JSON.stringify(report)})))`,
    );
    expect(JSON.parse(run(text).stdout)).toEqual({
      passed: 1,
      failed: 2,
      skippedTests: [
        { file: '/a.test.ts', name: 's' },
        { file: '/c.test.ts', name: 'p' },
      ],
    });
  });
});
