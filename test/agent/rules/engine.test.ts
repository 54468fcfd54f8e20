/** What the language means: conditions, cases, grades, counts, scopes, exceptions, and that the index leaves nothing out. */
import { expect, test } from 'vitest';
import { LAYOUT } from '../../../agent/events/layout.ts';
import { BUILT_IN } from '../../../agent/rules/built-in.ts';
import { type Compiled, Expressions } from '../../../agent/rules/cel.ts';
import { compileRules } from '../../../agent/rules/compile.ts';
import { isProblem } from '../../../agent/rules/expression.ts';
import { EVENT_FIELDS, SUBJECTS, TYPES } from '../../../agent/rules/fields.ts';
import { ourFile, ourRules } from '../../../agent/rules/ours.ts';
import { VIEWS, viewsOf } from '../../../agent/rules/subjects.ts';
import { BaselineView, ContainerView, ProcessView, Variables } from '../../../agent/rules/surroundings.ts';
import { actionRecord, execRecord, flowRecord, openRecord, SECOND } from '../../builders/records.ts';
import { HEAD, hitsOn, makeContainer, ruleSet, ruleText, seen } from '../../builders/rules.ts';

const inside = makeContainer('container');
const nc = execRecord({ path: '/bin/nc.openbsd', args: ['nc', '-e', '/bin/sh'], parentExe: 'sh' });

test('a hit is told with what the rule says of it, and only the facts that there are', () => {
  const rules = ruleSet(
    `${HEAD}lists:\n  bad: { sentence: Bad ones., names: nc ncat }\nmacros:\n  runs: { sentence: It runs one., when: event.exe in bad }\nrules:\n${ruleText(
      'r',
      {
        when: '\'runs && event.args.exists(a, a == "-e")\'',
        severity: 'high',
        score: '0.7',
        techniques: '[T1059, { is: T1071, when: event.memfd }]',
        summary: "'{event.starter} ran {event.tool} {{with} {event.arguments} words'",
        subject: "'{event.exe}'",
        facts: "{ own: '{event.command}', none: '{event.script}' }",
      },
    )}`,
  );

  expect(hitsOn(rules, inside, nc)).toEqual([
    {
      rule: { name: 'r', sentence: 'A sentence.', next: 'Look.' },
      severity: 'high',
      score: 0.7,
      summary: 'sh ran nc.openbsd {with} 3 words',
      subject: 'nc.openbsd',
      techniques: ['T1059'],
      facts: { parent: 'sh', path: '/bin/nc.openbsd', own: '-e /bin/sh' },
    },
  ]);
  expect(hitsOn(rules, inside, execRecord({ path: '/bin/nc', args: ['nc'] }))).toEqual([]);
});

test('the first case and the first grade that hold count', () => {
  const rules = ruleSet(
    `${HEAD}rules:\n${ruleText('r', {
      cases:
        '[{ when: event.memfd, set: { how: memory }, techniques: [T1620] }, { when: event.deleted, set: { how: gone } }]',
      grades: '[{ when: set.how == "memory", severity: high }, { severity: low, score: 0.1 }]',
      summary: "'from {set.how}'",
    }).replace('    severity: low\n', '')}`,
  );
  const flags = (value: number) => execRecord({ path: '/x', flags: value });
  const told = (value: number) =>
    hitsOn(rules, inside, flags(value)).map(({ severity, score, summary }) => [severity, score, summary]);

  expect(told(LAYOUT.EXEC_MEMFD | LAYOUT.EXEC_DELETED)).toEqual([['high', 0.85, 'from memory']]);
  expect(told(LAYOUT.EXEC_DELETED)).toEqual([['low', 0.1, 'from gone']]);
  expect(told(0)).toEqual([]);
});

test('a count tells once when it is reached, of distinct values, per process, and again after it was less', () => {
  const rules = ruleSet(
    `${HEAD}rules:\n${ruleText('r', {
      on: 'flow',
      count: '{ at-least: 3, within: 10, per: process, distinct: event.port }',
    })}`,
  );
  const call = (second: bigint, port: number, pid = 7): number =>
    hitsOn(
      rules,
      inside,
      flowRecord({ direction: 'connect', peer: '10.0.0.1', port, exe: 'x', pid, time: second * SECOND }),
    ).length;

  expect([call(1n, 1), call(2n, 2), call(3n, 2), call(4n, 9, 8)]).toEqual([0, 0, 0, 0]);
  expect([call(5n, 3), call(6n, 4)]).toEqual([1, 0]);
  expect([call(40n, 1), call(41n, 2), call(42n, 3)]).toEqual([0, 0, 1]);
});

test('a count by an expression is kept apart for each value of it, whoever acts, and is bounded', () => {
  const rules = ruleSet(
    `${HEAD}rules:\n${ruleText('r', {
      on: 'flow',
      count: '{ at-least: 3, within: 60, by: event.peer, distinct: event.port }',
      summary: "'{event.peer}'",
    })}`,
  );
  const call = (peer: string, port: number, second = 1n): string[] =>
    hitsOn(
      rules,
      inside,
      flowRecord({ direction: 'connect', peer, port, exe: 'x', pid: port, time: second * SECOND }),
    ).map(({ summary }) => summary);

  expect([call('10.0.0.1', 1), call('10.0.0.2', 2), call('10.0.0.1', 3), call('10.0.0.2', 3)].flat()).toEqual(
    [],
  );
  expect([call('10.0.0.1', 4), call('10.0.0.1', 5)].flat()).toEqual(['10.0.0.1']);
  for (let n = 0; n < 2000; n++) call(`10.1.${n >> 8}.${n & 255}`, 1, 2n);
  // The longest unused was forgotten, and is counted from the beginning.
  expect([call('10.0.0.2', 9, 3n), call('10.0.0.2', 10, 3n)].flat()).toEqual([]);
  expect(call('10.0.0.2', 11, 3n)).toEqual(['10.0.0.2']);
});

test('a scope keeps a rule to containers by their names', () => {
  const named = {
    namespace: 'shop',
    workload: 'c/shop/Deployment/api/web',
    image: 'r/api:1',
    labels: { tier: 'a' },
  };
  const told = (scope: string): number =>
    hitsOn(ruleSet(`${HEAD}rules:\n${ruleText('r', { scope })}`), makeContainer('container', named), nc)
      .length;

  expect(told('{ namespaces: [shop] }')).toBe(1);
  expect(told('{ namespaces: ["sh*p", other] }')).toBe(1);
  expect(told('{ namespaces: [sho] }')).toBe(0);
  expect(told('{ workloads: [Deployment/api], images: ["r/*"] }')).toBe(1);
  expect(told('{ workloads: [Deployment/api], kinds: [host] }')).toBe(0);
  expect(told('{ labels: [tier=a] }')).toBe(1);
  expect(told('{ labels: [tier=b] }')).toBe(0);
});

test('an exception takes a match back and is counted, its own and one of another document', () => {
  const own = '[{ name: e, reason: It is known., when: event.parent == "cron" }]';
  const rules = ruleSet(
    `${HEAD}rules:\n${ruleText('r', { exceptions: own })}exceptions:\n  - { rule: r, name: f, reason: It is ours., scope: { namespaces: [ops] } }\n`,
  );

  expect(hitsOn(rules, inside, execRecord({ path: '/x', parentExe: 'cron' }))).toEqual([]);
  expect(hitsOn(rules, makeContainer('container', { namespace: 'ops' }), nc)).toEqual([]);
  expect(hitsOn(rules, inside, nc)).toHaveLength(1);
  expect(rules.rules[0]?.costs).toMatchObject({ evaluations: 3, hits: 1, excepted: 2, errors: 0 });
});

test('a condition that fails does not match, and is counted with its reason', () => {
  const rules = ruleSet(`${HEAD}rules:\n${ruleText('r', { when: '\'event.args[5] == "x"\'' })}`);

  expect(hitsOn(rules, inside, nc)).toEqual([]);
  expect(rules.rules[0]?.costs).toMatchObject({ errors: 1, lastError: expect.stringContaining('5') });
});

test('what a ring opens is an action and an opening', () => {
  const both = ruleSet(
    `${HEAD}rules:\n${ruleText('a', { on: 'action' })}${ruleText('o', { on: 'open', when: 'event.claimed && event.write' })}`,
  );
  const ring = actionRecord({ action: 'URING_OP', exe: 'x', args: [18n, 1n], path: '/etc/shadow', flags: 8 });

  expect(hitsOn(both, inside, ring).map(({ rule }) => rule.name)).toEqual(['a', 'o']);
});

test('each declared field has a property, and each property is declared', () => {
  const properties = (made: { prototype: object }, own: readonly string[] = []): string[] => {
    const found = new Set(own);
    for (let of = made.prototype; of !== Object.prototype; of = Object.getPrototypeOf(of))
      for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(of)))
        if (get !== undefined) found.add(name);
    return [...found].toSorted();
  };
  const own: Readonly<Record<string, readonly string[]>> = { exec: ['tool'], action: ['action', 'verb'] };
  for (const subject of SUBJECTS)
    expect(properties(VIEWS[subject], own[subject])).toEqual(Object.keys(EVENT_FIELDS[subject]).toSorted());
  expect(properties(ContainerView)).toEqual(Object.keys(TYPES.Container).toSorted());
  expect(properties(ProcessView)).toEqual(Object.keys(TYPES.Process).toSorted());
  expect(properties(BaselineView, ['state', 'seen'])).toEqual(Object.keys(TYPES.Baseline).toSorted());
});

const SAMPLES: readonly Buffer[] = [
  nc,
  execRecord({ path: '/bin/busybox', args: ['/bin/sh'], parentExe: 'python3.11', time: 900n * SECOND }),
  execRecord({ path: '/usr/bin/python3.11', parentExe: 'bash', streams: [6, 6, 6] }),
  execRecord({ path: '/memfd:runc_cloned', flags: LAYOUT.EXEC_MEMFD, parentExe: 'runc' }),
  execRecord({ path: '/dev/shm/a/b', parentExe: 'x' }),
  execRecord({ path: '/opt/app', flags: LAYOUT.EXEC_UPPER }),
  openRecord({ path: '/etc/shadow', exe: 'cat' }),
  openRecord({ path: '/root/.ssh/authorized_keys', exe: 'app', openFlags: 1 }),
  openRecord({ path: '/proc/sys/kernel/core_pattern', exe: 'sh', openFlags: 1 }),
  flowRecord({ direction: 'connect', peer: '169.254.169.254', port: 80, exe: 'bash' }),
  flowRecord({ direction: 'connect', peer: '10.0.0.3', port: 443, exe: 'curl' }),
  actionRecord({ action: 'MOUNT', exe: 'sh' }),
  actionRecord({ action: 'PTRACE', exe: 'gdb', args: [16n], target: { pid: 9, start: 1n, slot: 1 } }),
  actionRecord({ action: 'CHMOD', exe: 'sh', args: [0o4755n], path: '/x' }),
  actionRecord({ action: 'URING_OP', exe: 'sh', args: [16n, 1n], path: '/run/docker.sock' }),
  actionRecord({ action: 'RAW_SOCKET', exe: 'ping', args: [2n, 3n, 1n] }),
];

test('the index gives an event to every rule that matches it', () => {
  const rules = ourRules();
  let matches = 0;
  for (const where of [inside, makeContainer('host'), makeContainer('service')]) {
    for (const { event, context } of seen(where, ...SAMPLES)) {
      const indexed = rules.hits(event, context).map(({ rule }) => rule.name);
      const asked = viewsOf(event).flatMap(([subject, view]) => {
        const variables = new Variables(view, {
          time: event.time,
          exe: 'exe' in event ? event.exe : '',
          context,
        });
        return rules.rules.flatMap((rule) => {
          const hit = rule.match(event, variables, { subject, context });
          return hit === null ? [] : [hit.rule.name];
        });
      });
      expect(indexed).toEqual(asked);
      matches += indexed.length;
    }
  }
  expect(matches).toBeGreaterThan(20);
});

test('expressions as closures say what the library says of them', () => {
  const compared: (Compiled & { readonly subject: string; readonly text: string })[] = [];
  compileRules([ourFile()], [], {
    builtIn: BUILT_IN,
    onCompiled: ({ text }, subject, made) => compared.push({ ...made, subject, text }),
  });
  let values = 0;
  for (const { event, context } of seen(inside, ...SAMPLES)) {
    for (const [subject, view] of viewsOf(event)) {
      const variables = new Variables(view, {
        time: event.time,
        exe: 'exe' in event ? event.exe : '',
        context,
      });
      const names = { before: '', behind: '', how: '', hole: 'h' };
      variables.set = { grave: 'yes', origin: 'x', what: 'y', words: 'z', ...names };
      for (const each of compared.filter((one) => one.subject === subject)) {
        expect(each.run(variables)).toEqual(each.slow(variables));
        values += 1;
      }
    }
  }
  expect(values).toBeGreaterThan(200);
  // What only the library can do costs ten times as much; none of ours does.
  expect(compared.filter(({ fast }) => !fast).map(({ text }) => text)).toEqual([]);
});

test.each([
  ['event.args[9] == "x" || event.uid == 0', true],
  ['event.uid == 0 || event.args[9] == "x"', true],
  ['event.args[9] == "x" && event.uid == 7', false],
  ['!(event.args[9] == "x") && event.uid == 7', false],
  ['event.args[9] == "x" && event.uid == 0', 'fails'],
  ['event.args[9] == "x" || event.uid == 7', 'fails'],
  ['event.uid == 0 && event.args[9] == "x"', 'fails'],
  ['(event.args[9] == "x" ? event.memfd : event.upper) || event.uid == 0', true],
  ['event.args[9].startsWith("x") || event.args[8].contains("x")', 'fails'],
  ['set.none in ["a"] && event.args[9] == "x"', 'fails'],
  ['set.none == "a" || event.args[0] == "nc"', true],
])('what fails counts only where it is needed: %s', (text, expected) => {
  const expressions = new Expressions({ lists: [], macros: [], builtIn: BUILT_IN });
  const place = () => ({ file: 'a', line: 1, column: 1 });
  const made = expressions.compile({ text, place }, 'exec', 'bool');
  if (isProblem(made)) throw new Error(made.reason);
  const [{ event, context } = { event: null, context: null }] = seen(inside, nc);
  const [, view] = event === null ? [] : (viewsOf(event)[0] ?? []);
  if (view === undefined || event === null) throw new Error('nothing decoded');
  const variables = new Variables(view, { time: event.time, exe: 'nc', context });
  const said = (run: (of: object) => unknown): unknown => {
    try {
      return run(variables);
    } catch {
      return 'fails';
    }
  };

  expect(made.fast).toBe(true);
  expect([said(made.run), said(made.slow)]).toEqual([expected, expected]);
});
