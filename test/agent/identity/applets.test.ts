import { expect, test } from 'vitest';
import { programOf } from '../../../agent/identity/applets.ts';

test.each([
  ['busybox', ['/bin/sh', '-c', 'x'], 'sh'],
  ['busybox', ['busybox', 'nc', '-l'], 'nc'],
  ['busybox', ['-sh'], 'sh'],
  ['busybox', [], 'busybox'],
  ['coreutils', ['coreutils', '--coreutils-prog-shebang=cat', '/usr/bin/cat', '/etc/hosts'], 'cat'],
  ['coreutils', ['coreutils', '--coreutils-prog=tail', '-f'], 'tail'],
  ['coreutils', ['/usr/bin/cat', '/etc/hosts'], 'cat'],
  ['dash', ['busybox', 'nc'], 'dash'],
])('of many programs in one file, %s %j is %s', (exe, args, program) => {
  expect(programOf({ exe, args })).toBe(program);
});
