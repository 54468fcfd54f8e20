/** Texts as real kernels write them: v2 of Debian 12 (6.1), v1 of this kind of machine (6.18) and of Ubuntu 20.04 (5.15). */
import { expect, test } from 'vitest';
import { RESOURCE_COUNTERS, RESOURCE_GAUGES } from '../../../agent/events/resources.ts';
import { COUNT_FEATURES, RESOURCE_FEATURES } from '../../../agent/features/catalogue.ts';
import { WindowBuilder } from '../../../agent/features/window.ts';
import { FILES, type Totals } from '../../../agent/resources/files.ts';

function read(version: 1 | 2, name: string, text: string, into: Totals = {}): Totals {
  const file = FILES.find((one) => one.version === version && one.names.includes(name));
  if (file === undefined) throw new Error(`no file ${name} of version ${version}`);
  file.read(text, into);
  return into;
}

test.each<[1 | 2, string, string, Totals]>([
  [
    2,
    'cpu.stat',
    'usage_usec 8155\nuser_usec 5000\nsystem_usec 3155\nnr_periods 9\nnr_throttled 2\nthrottled_usec 77\nnr_bursts 0\n',
    { cpuUs: 8155, throttledPeriods: 2, throttledUs: 77 },
  ],
  // Without the cpu controller there is only the use.
  [2, 'cpu.stat', 'usage_usec 51\nuser_usec 0\nsystem_usec 51\nnice_usec 0\n', { cpuUs: 51 }],
  [1, 'cpuacct.usage', '123456789012\n', { cpuUs: 123_456_789 }],
  [
    1,
    'cpu.stat',
    'nr_periods 4\nnr_throttled 3\nthrottled_time 1500000\nnr_bursts 0\n',
    { throttledPeriods: 3, throttledUs: 1500 },
  ],
  [2, 'memory.current', '4096\n', { memoryBytes: 4096 }],
  [1, 'memory.usage_in_bytes', '8192\n', { memoryBytes: 8192 }],
  [
    2,
    'memory.stat',
    'anon 1\nfile 2\ninactive_anon 3\nactive_anon 4\ninactive_file 5\n',
    { inactiveFileBytes: 5 },
  ],
  [
    1,
    'memory.stat',
    'cache 1\ninactive_file 2\ntotal_cache 3\ntotal_inactive_file 4\n',
    { inactiveFileBytes: 4 },
  ],
  [2, 'memory.max', 'max\n', { memoryLimitBytes: null }],
  [2, 'memory.max', '1048576\n', { memoryLimitBytes: 1_048_576 }],
  [1, 'memory.limit_in_bytes', '9223372036854771712\n', { memoryLimitBytes: null }],
  [2, 'memory.events', 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n', { oomKills: 2 }],
  [1, 'memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n', { oomKills: 1 }],
  // Before 4.13 v1 did not count them.
  [1, 'memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\n', {}],
  [
    2,
    'io.stat',
    '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n253:0 rbytes=5 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n',
    { readBytes: 15, writeBytes: 20, reads: 2, writes: 2 },
  ],
  [2, 'io.stat', '', { readBytes: 0, writeBytes: 0, reads: 0, writes: 0 }],
  [
    1,
    'blkio.throttle.io_service_bytes_recursive',
    '8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 30\n8:16 Read 1\nTotal 31\n',
    { readBytes: 11, writeBytes: 20 },
  ],
  [1, 'blkio.throttle.io_serviced', '8:0 Read 3\n8:0 Write 4\nTotal 7\n', { reads: 3, writes: 4 }],
  [2, 'pids.current', '7\n', { pids: 7 }],
  [1, 'pids.max', '100\n', { pidsLimit: 100 }],
  [
    2,
    'cpu.pressure',
    'some avg10=0.00 avg60=0.12 avg300=0.00 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n',
    { cpuSomeUs: 12_345, cpuFullUs: 7 },
  ],
  [2, 'io.pressure', 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n', { ioSomeUs: 1 }],
])('v%i %s', (version, name, text, totals) => {
  expect(read(version, name, text)).toEqual(totals);
});

test('what is no such text says nothing', () => {
  for (const { read: parse, names } of FILES) {
    // No line of a device: nothing was done. No number: no limit.
    if (/^(io\.stat|blkio|.*\.max$|.*limit_in_bytes)/.test(names[0] ?? '')) continue;
    const into: Totals = {};
    for (const text of ['', '\n', 'nonsense', '-', 'some total=', 'usage_usec\n', '\0\0\0'])
      parse(text, into);
    expect([names[0], into]).toEqual([names[0], {}]);
  }
});

test('every value of a reading and every count of a window is a feature with a unit', () => {
  const names = RESOURCE_FEATURES.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...RESOURCE_COUNTERS, ...RESOURCE_GAUGES]));
  expect(names).toHaveLength(RESOURCE_COUNTERS.length + RESOURCE_GAUGES.length);
  const { counts } = new WindowBuilder(0n).close(1n);
  expect(COUNT_FEATURES.map(({ name }) => name).sort()).toEqual(Object.keys(counts).sort());
});
