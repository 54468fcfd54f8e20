/** Rule files that are refused: each fault at its line and column, all together. */
import { expect, test } from 'vitest';
import { HEAD, ruleSet, rulesOf, ruleText } from '../../builders/rules.ts';

const of = (more: Readonly<Record<string, string>>): unknown =>
  rulesOf(`${HEAD}rules:\n${ruleText('r', more)}`);

test('faults of several rules are told together, each where it stands', () => {
  const text = `${HEAD}rules:
  - name: first
    sentence: no capital.
    on: exce
    when: event.exe = "sh"
    severity: grave
    summary: '{event.nope}'
    next: Look.
  - name: second
    sentence: A sentence.
    on: exec
    when: >-
      event.memfd &&
      event.port == 3
    severity: low
    summary: '{event.nope}'
    next: Look.
    colour: red
  - name: third
    sentence: A sentence.
    on: exec
    when: >-
      event.memfd &&
      event.port == 3
    severity: low
    summary: 'a {event.nope}'
    next: Look.
`;

  expect(rulesOf(text)).toEqual([
    'a.yaml:6:9: first: on is of exec, open, flow, action, denied, novel, dns, not "exce"',
    'a.yaml:6:9: first: on names at least one of exec, open, flow, action, denied, novel, dns',
    'a.yaml:5:15: first: sentence is wanted: from a capital letter to a full stop',
    'a.yaml:8:15: first: severity is one of info, low, medium, high, critical, not "grave"',
    'a.yaml:4:5: first: severity, or a last grade without when, is wanted',
    'a.yaml:20:5: a rule has no field "colour"',
    'a.yaml:26:13: No such key: port',
    'a.yaml:28:24: No such key: nope',
  ]);
});

test.each([
  [{ when: "'event.exe +'" }, 'a.yaml:10:23: Unexpected token: EOF'],
  [{ when: "'event.exe'" }, 'a.yaml:10:12: true or false is wanted, this is string'],
  [{ when: "'event.exe in nobody'" }, 'a.yaml:10:25: Unknown variable: nobody'],
  [{ when: "'event.exe in [1]'" }, 'a.yaml:10:12: no such overload: string in list<int>'],
  [
    { when: "'event.path.matches(event.exe)'" },
    'a.yaml:10:31: matches() takes a text that stands in the rule',
  ],
  [{ when: '\'event.path.matches("(a+)+$")\'' }, expect.stringContaining('repeats a repetition')],
  [{ when: '\'event.path.matches("(")\'' }, expect.stringContaining('Invalid regular expression')],
  [{ summary: "'a { b'" }, 'a.yaml:8:17: a brace that is not closed; a brace itself is {{'],
  [{ techniques: '[T10]' }, 'a.yaml:10:18: "T10" is no id of ATT&CK'],
  [{ count: '{ at-least: 1, within: 5 }' }, 'a.yaml:10:24: r: at-least is a number from 2 to 100000'],
  [{ on: 'flow', count: '{ at-least: 3, within: 5, by: event.nobody }' }, expect.stringContaining('nobody')],
  [{ exceptions: '[{ name: e, reason: It is. }]' }, 'a.yaml:10:18: exception e says neither when nor scope'],
])('%o is refused', (more, expected) => {
  expect(of(more)).toEqual([expected]);
});

test('broken YAML, another version and a document that is no map are refused', () => {
  expect(rulesOf('a: [')).toEqual([expect.stringMatching(/^a\.yaml:1:5: YAML: /)]);
  expect(rulesOf('apiVersion: picket.dev/v9\nkind: PicketRule\n')).toEqual([
    'a.yaml:1:13: apiVersion is one of picket.dev/v1, not "picket.dev/v9"',
  ]);
  expect(rulesOf('- 1\n')).toEqual(['a.yaml:1:1: a document is a map']);
});

test('a fault within a macro is told where it is used, and by name; a macro within itself is refused', () => {
  const macros = (when: string): string =>
    `${HEAD}macros:\n  m: { sentence: A macro., when: ${when} }\nrules:\n${ruleText('r', { when: "'event.memfd && m'" })}`;

  expect(rulesOf(macros('event.nope'))).toEqual(['a.yaml:12:27: in macro m: No such key: nope']);
  expect(rulesOf(macros('m'))).toEqual(['a.yaml:12:27: macro m: too deep, or within itself']);
});

test('a name twice, and an exception of no rule, are refused', () => {
  const text = `${HEAD}rules:\n${ruleText('r')}${ruleText('r')}exceptions:\n  - { rule: q, name: e, reason: It is., when: event.memfd }\n`;

  expect(rulesOf(text)).toEqual([
    'a.yaml:10:5: rule r stands in a.yaml:4 too',
    'a.yaml:17:5: exception e is of rule q, which there is not',
  ]);
});

test('one rule is a document too, and one that is not enabled is left out', () => {
  const rule = (name: string, more: string): string =>
    `apiVersion: picket.dev/v1\nkind: PicketRule\nname: ${name}\nsentence: A sentence.\non: exec\nseverity: low\nsummary: x\nnext: Look.\n${more}`;
  const set = ruleSet(`${rule('a', '')}---\n${rule('b', 'enabled: false\n')}`);

  expect(set.rules.map(({ document }) => document.name)).toEqual(['a']);
});
