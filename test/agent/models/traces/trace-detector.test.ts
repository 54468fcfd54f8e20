/** The detector as a whole, on programs invented here. */
import { expect, test } from 'vitest';
import type { Trace } from '../../../../agent/models/traces/sample.ts';
import { TraceDetector } from '../../../../agent/models/traces/trace-detector.ts';

const times = <T>(count: number, of: readonly T[]): T[] => Array.from({ length: count }, () => of).flat();

/** A server of requests: between them it looks after files; how many there are depends on the number. */
const server = (n: number): string[] => [
  ...['socket', 'bind', 'listen'],
  ...times(3 + (n % 9), ['accept', 'read', 'stat', 'open', 'fstat', 'read', 'close', 'write', 'close']),
  ...times(n % 3, ['poll', 'gettimeofday']),
  ...times(2 + (n % 5), ['accept', 'read', 'write', 'close']),
];

function learnt(count = 120, seed = 1): TraceDetector {
  const detector = new TraceDetector(seed);
  for (let n = 0; n < count; n++) detector.learn({ calls: server(n) });
  return detector;
}

const shell: Trace = {
  calls: [...server(4), 'socket', 'connect', 'dup2', 'dup2', 'dup2', 'execve', 'brk', 'mmap', 'open', 'read'],
};

test('a shell inside a normal trace is stranger than every normal trace, and the explanation names views', () => {
  const detector = learnt();
  const normal = Array.from({ length: 45 }, (_, n) => detector.judge({ calls: server(n + 7) }).score);
  const verdict = detector.judge(shell);
  const told = detector.score(shell);

  expect(verdict.score).toBeGreaterThan(Math.max(...normal));
  expect(verdict.bits).toBeGreaterThan(6);
  expect(told.state).toBe('scored');
  if (told.state === 'scored') {
    expect(told.score).toBeGreaterThan(0.98);
    expect(told.parts.length).toBeGreaterThan(1);
    expect(told.reason).toContain('by 120 traces');
  }
});

test('the order of calls is judged, not only which ones they are', () => {
  const detector = learnt();
  const calm = detector.judge({ calls: server(14) });
  const shuffled = detector.judge({ calls: server(14).reverse() });
  expect(shuffled.score).toBeGreaterThan(calm.score + 0.5);
});

test('another program is unknown behaviour, a normal trace is not', () => {
  const detector = learnt();
  const other = times(40, ['clone', 'wait4', 'pipe', 'ioctl', 'rt_sigaction', 'exit']);
  expect(detector.judge({ calls: other }).unknown).toBe(true);
  expect(detector.judge({ calls: server(3) }).unknown).toBe(false);
});

test('asked for a rate, does not alarm more often on normal traces it has not learnt', () => {
  const detector = learnt(200);
  const verdicts = Array.from({ length: 300 }, (_, n) => detector.judge({ calls: server(1000 + n) }));
  const alarms = verdicts.filter(({ p, unknown }) => unknown || p <= 0.05).length;
  expect(alarms / 300).toBeLessThan(0.065);
});

test('a new argument is seen where the calls are the same', () => {
  const facts = (path: string): string[][] =>
    server(5).map((call) => [`${call} in ${call === 'open' ? path : '/'}`]);
  const detector = new TraceDetector();
  for (let n = 0; n < 60; n++)
    detector.learn({ calls: server(5), facts: facts('/srv'), group: `run${n % 12}` });
  const [calm, strange] = ['/srv', '/root'].map((path) =>
    detector.judge({ calls: server(5), facts: facts(path) }),
  );
  expect(strange?.score).toBeGreaterThan((calm?.score ?? 0) + 0.5);
  expect(strange?.p).toBeLessThan(0.05);
});

test('the same seed gives the same scores, also from what was saved; another seed stays close', () => {
  const detector = learnt();
  const again = new TraceDetector(1);
  again.load(JSON.parse(JSON.stringify(detector.save())));
  const { score } = detector.judge(shell);

  expect(again.judge(shell)).toEqual(detector.judge(shell));
  expect(learnt().judge(shell).score).toBe(score);
  expect(Math.abs(learnt(120, 2).judge(shell).score - score)).toBeLessThan(0.5);
});

test('learning more changes what is known', () => {
  const detector = learnt();
  const before = detector.judge(shell).score;
  for (let n = 0; n < 60; n++) detector.learn({ calls: [...server(n), ...shell.calls.slice(-10)] });
  expect(detector.judge(shell).score).toBeLessThan(before - 0.5);
});

test('judging before anything was learnt is an error, an empty trace is unknown', () => {
  expect(() => new TraceDetector().judge(shell)).toThrow('no trace was learnt');
  expect(learnt().score({ calls: [] })).toEqual({ state: 'unknown', reason: 'no calls' });
});

test('what is rare among all but usual among its like has no small chance', () => {
  // One in six traces is long and in no order that comes again; nearly every one of them scores higher than the others.
  let state = 3;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  const names = [
    'futex',
    'read',
    'write',
    'epoll_wait',
    'recvmsg',
    'sendmsg',
    'mmap',
    'munmap',
    'madvise',
    'clone',
  ];
  const restless = (): Trace => ({
    calls: Array.from({ length: 150 }, () => names[next() % names.length] ?? ''),
  });
  const detector = new TraceDetector();
  for (let n = 0; n < 1000; n++) detector.learn(n % 25 === 0 ? restless() : { calls: server(n) });
  const chances = Array.from({ length: 40 }, () => detector.judge(restless()).p);
  const alarms = chances.filter((p) => p <= 0.02).length;

  expect(alarms).toBeLessThanOrEqual(3);
});
