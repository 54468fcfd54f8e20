/** Who else may reach a private file, asked by a process as central is in a pod: no root, with a group of its own. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const OWN = 65532;
const OTHER = 65533;
const isRoot = process.getuid?.() === 0;
const module = pathToFileURL(join(import.meta.dirname, '../../../central/pki/files.ts')).href;
let folder = '';

beforeAll(() => {
  // Below the checkout, which others may not enter, nothing could be read.
  folder = mkdtempSync('/tmp/picket-private-');
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The text, or the code of the error. */
function readAs(uid: number, [owner, group, mode]: readonly [number, number, number]): string {
  const path = join(folder, 'secret');
  rmSync(path, { force: true });
  writeFileSync(path, 'sesame');
  chownSync(path, owner, group);
  chmodSync(path, mode);
  // What is imported is read before the user changes.
  const script = `const { readPrivate } = await import(${JSON.stringify(module)});
    process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
    try { console.log(readPrivate(${JSON.stringify(path)})); } catch (error) { console.log(error.code); }`;
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return done.stdout.trim() || done.stderr;
}

describe.skipIf(!isRoot)('a file that only its reader may read (needs root, to be somebody else)', () => {
  test("is read when it is the own one, or root's for the own group: a Secret in a pod", () => {
    expect(readAs(OWN, [OWN, OWN, 0o600])).toBe('sesame');
    expect(readAs(OWN, [0, OWN, 0o440])).toBe('sesame');
  });

  test('is refused when others can read it, or the group can write it', () => {
    expect(readAs(OWN, [0, OWN, 0o444])).toBe('PICKET_KEY_FILE');
    expect(readAs(OWN, [0, OWN, 0o460])).toBe('PICKET_KEY_FILE');
  });

  test('is refused when the group is another one, or the owner has opened it', () => {
    expect(readAs(OWN, [0, OTHER, 0o440])).toBe('PICKET_KEY_FILE');
    expect(readAs(OWN, [OWN, OWN, 0o640])).toBe('PICKET_KEY_FILE');
    expect(readAs(0, [0, 0, 0o640])).toBe('PICKET_KEY_FILE');
  });
});
