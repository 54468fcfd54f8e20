/** Reading strace, and the protocol that uses it, on recordings made here. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reportHids } from '../../../cli/evaluate/hids-report.ts';
import { readLine, readStrace, windowsOf } from '../../../cli/evaluate/strace.ts';

test.each<[string, string, string[]]>([
  [
    'open("/srv/www/a/index.php", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)',
    'open',
    ['open in /srv/www/a', 'open ending .php', 'open O_CLOEXEC|O_RDONLY', 'open gave ENOENT'],
  ],
  [
    'connect(4, {sa_family=AF_INET, sin_port=htons(4444), sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
    'connect',
    ['connect AF_INET', 'connect gave no error', 'connect port 4444'],
  ],
  [
    'sendmmsg(3, [{msg_hdr={msg_name=NULL, msg_flags=MSG_OOB|MSG_EOR}, msg_len=40}], 2, MSG_NOSIGNAL) = 2',
    'sendmmsg',
    ['sendmmsg MSG_NOSIGNAL|NULL', 'sendmmsg gave no error'],
  ],
  ['write(1, "A SECRET_VALUE O_RDWR", 21) = 21', 'write', ['write ', 'write gave no error']],
])('%s is its call and the shape of its arguments', (line, call, facts) => {
  expect(readLine(line)).toEqual({ call, facts });
});

test('lines that are no call are left out', () => {
  const text = 'getpid() = 7\n--- SIGPIPE {si_signo=SIGPIPE} ---\n+++ exited with 0 +++\n\ngetpid() = 7\n';
  expect(readStrace(text).calls).toEqual(['getpid', 'getpid']);
});

test('windows are whole and do not overlap', () => {
  const traced = { calls: ['a', 'b', 'c', 'd', 'e'], facts: [[], [], ['x'], [], []] };
  expect(windowsOf(traced, 2)).toEqual([
    { calls: ['a', 'b'], facts: [[], []], from: 0 },
    { calls: ['c', 'd'], facts: [['x'], []], from: 2 },
  ]);
});

test('the protocol finds what only the attack does, in windows and whole recordings', () => {
  const dir = mkdtempSync(join(tmpdir(), 'picket-hids-'));
  const write = (kind: string, number: number, middle: string, end = ''): void => {
    mkdirSync(join(dir, 'hids-docker', kind), { recursive: true });
    const request =
      'accept(3) = 4\nread(4, "x") = 1\nopen("/srv/a", O_RDONLY) = 5\nclose(5) = 0\nclose(4) = 0\n';
    const text = request.repeat(60 + (number % 4)) + middle + request.repeat(60) + end;
    writeFileSync(join(dir, 'hids-docker', kind, `x_${kind}_${number}`), text);
  };
  for (let n = 0; n < 25; n++) write('normal', n, `stat("/srv/${'ab'[n % 2]}/c", {}) = 0\n`);
  const attack = 'socket(AF_INET) = 6\nconnect(6) = 0\ndup2(6, 0) = 0\n'.repeat(10);
  // In the last one it comes after the last whole window.
  for (let n = 0; n < 3; n++) write('exec', n, n < 2 ? attack : '', n < 2 ? '' : attack);

  const rows = reportHids(dir, 1);
  rmSync(dir, { recursive: true });

  expect(rows.map(([name]) => name)).toEqual([
    'hids-docker, seen',
    'hids-docker, seen, from the first new fact on',
    'hids-docker, seen, whole recordings',
    'hids-docker, unseen',
    'hids-docker, unseen, from the first new fact on',
    'hids-docker, unseen, whole recordings',
  ]);
  // Whole recordings: 10 normal, 3 attacks, all found above every normal one.
  expect(rows[2]?.slice(2, 7)).toEqual(['10', '3', '1.000', '1.000', '1.000']);
});

test('without the unpacked archive there is no row', () => {
  expect(reportHids('/nonexistent', 1)).toEqual([]);
});
