import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { syscallName } from '../../../agent/features/syscalls.ts';

const X64 = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h';
const GENERIC = '/usr/include/asm-generic/unistd.h';

/** `__NR_read 0` lines of a kernel header. */
const numbers = (path: string, pattern: RegExp): [string, number][] =>
  [...readFileSync(path, 'utf8').matchAll(pattern)].map((match) => [match[1] ?? '', Number(match[2])]);

test.skipIf(!existsSync(X64))('names x86-64 calls as the kernel’s header does', () => {
  const all = numbers(X64, /^#define __NR_(\w+)\s+(\d+)\s*$/gm).filter(([, number]) => number <= 450);
  expect(all.length).toBeGreaterThan(300);
  expect(all.map(([, number]) => syscallName('x64', number))).toEqual(all.map(([name]) => name));
});

test.skipIf(!existsSync(GENERIC))('names arm64 calls as the kernel’s header does', () => {
  const all = numbers(GENERIC, /^#define __NR_(\w+)\s+(\d+)\s*$/gm).filter(
    ([name, number]) =>
      number <= 450 &&
      !(number >= 403 && number <= 423) &&
      !['arch_specific_syscall', 'syscalls', 'sync_file_range2'].includes(name),
  );
  expect(all.length).toBeGreaterThan(250);
  expect(all.map(([, number]) => syscallName('arm64', number))).toEqual(all.map(([name]) => name));
});

test('a number without a name shows itself', () => {
  expect([syscallName('x64', 335), syscallName('arm64', 511), syscallName('x64', 59)]).toEqual([
    'call-335',
    'call-511',
    'execve',
  ]);
});
