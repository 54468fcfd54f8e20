/** Rules: which are in force and what they say; checks files of one's own and tries them on a recording. */
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Detection } from '../../agent/alerts/detection.ts';
import { openRecording } from '../../agent/events/recording.ts';
import type { Sink } from '../../agent/pipeline.ts';
import { describeProblem, type RuleDocument } from '../../agent/rules/document.ts';
import { readFolder, rulesWith } from '../../agent/rules/load.ts';
import { readRuleFile } from '../../agent/rules/read-file.ts';
import type { Files } from '../../agent/rules/read-folder.ts';
import type { Rule } from '../../agent/rules/rule.ts';
import { RuleSet } from '../../agent/rules/rule-set.ts';
import { EXIT, UsageError } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { coverageRows, coverageSentence, wordsOf } from '../doctor/coverage.ts';
import { pipelineOf } from '../recording.ts';
import { count, safe, table } from '../text.ts';

const NO_FILES: Files = { files: [], problems: [] };

function readFiles(path: string): Files {
  try {
    if (statSync(path).isDirectory()) return readFolder(path);
    const { found, problems } = readRuleFile(basename(path), readFileSync(path, 'utf8'));
    return { files: [found], problems };
  } catch (error) {
    throw new UsageError(`rules: ${error instanceof Error ? error.message : error}`);
  }
}

/** Ours with those of the path; null after what is wrong was told. */
function compiled(call: Call, path: string): RuleSet | null {
  const set = rulesWith(path === '' ? NO_FILES : readFiles(path));
  if (set instanceof RuleSet) return set;
  const folder = path === '' || !statSync(path).isDirectory() ? dirname(path) : path;
  const problems = set.map((problem) => `${folder}/${describeProblem(problem)}`);
  if (call.json) call.io.out(`${toJson({ problems: set })}\n`);
  else for (const problem of problems) call.io.error(`${safe(problem)}\n`);
  return null;
}

const worstOf = ({ grades }: RuleDocument): string =>
  [...new Set(grades.map(({ severity }) => severity))].join(', ');
const techniquesOf = ({ techniques, cases }: RuleDocument): string[] => [
  ...new Set([...techniques.map(({ technique }) => technique), ...cases.flatMap((each) => each.techniques)]),
];

function line(document: RuleDocument): Record<string, unknown> {
  const { name, sentence, on, coverage, next, enabled, place } = document;
  return {
    name,
    sentence,
    on,
    severity: worstOf(document),
    techniques: techniquesOf(document),
    coverage,
    next,
    enabled,
    file: place.file,
  };
}

function list(call: Call): number {
  const set = compiled(call, call.values['rules-folder']);
  if (set === null) return EXIT.failed;
  const documents = set.rules.map(({ document }) => document);
  if (call.json) {
    call.io.out(`${toJson({ rules: documents.map(line) })}\n`);
    return EXIT.ok;
  }
  const rows = documents.map((each) => [
    each.name,
    worstOf(each),
    each.on.join(', '),
    techniquesOf(each).join(' '),
    each.place.file,
  ]);
  call.io.out(table(['RULE', 'SEVERITY', 'ON', 'TECHNIQUES', 'FILE'], rows));
  return EXIT.ok;
}

function check(call: Call, path: string): number {
  const set = compiled(call, path);
  if (set === null) return EXIT.failed;
  const own = set.rules.filter(({ document }) => isOf(document, path));
  const result = { rules: own.length, inForce: set.rules.length };
  call.io.out(
    call.json
      ? `${toJson(result)}\n`
      : `${count(own.length, 'rule')} there; with ours ${set.rules.length} would be in force\n`,
  );
  return EXIT.ok;
}

const namesOf = (path: string): ReadonlySet<string> =>
  new Set(readFiles(path).files.flatMap(({ rules }) => rules.map(({ name }) => name)));
const isOf = ({ name }: RuleDocument, path: string): boolean => namesOf(path).has(name);

async function detectionsOf(recordingPath: string, set: RuleSet): Promise<Detection[]> {
  const found: Detection[] = [];
  const sink: Sink = {
    detection: (detection) => found.push(detection),
    alert() {},
    window() {},
    session() {},
    newContainer() {},
    goneContainer() {},
    canary() {},
    profile() {},
    train() {},
    lookupCgroup() {}, // what was found then is in the recording
  };
  const recording = await openRecording(recordingPath);
  const pipeline = pipelineOf(recording.start, {}, sink, set);
  for await (const frame of recording.frames()) pipeline.frame(frame);
  pipeline.end();
  return found;
}

function costLine({ document, costs }: Rule): (string | number)[] {
  const { evaluations, hits, excepted, errors, nanoseconds } = costs;
  const each = nanoseconds === 0 ? '-' : (nanoseconds / 1000 / evaluations).toFixed(2);
  return [document.name, evaluations, hits, excepted, errors, each];
}

async function tryOut(call: Call, path: string): Promise<number> {
  const recording = call.flags['recording'];
  if (typeof recording !== 'string') throw new UsageError('rules test: --recording FILE is wanted');
  const set = compiled(call, path);
  if (set === null) return EXIT.failed;
  const names = namesOf(path);
  const found = (await detectionsOf(recording, set)).filter(({ detector }) => names.has(detector));
  const rules = set.rules.filter(({ document }) => names.has(document.name));
  if (call.json) {
    const hits = found.map(({ detector, severity, summary, container }) => ({
      rule: detector,
      severity,
      summary,
      workload: container.identity.workload,
    }));
    call.io.out(
      `${toJson({ hits, costs: rules.map(({ document, costs }) => ({ rule: document.name, ...costs })) })}\n`,
    );
    return EXIT.ok;
  }
  for (const { detector, severity, summary, container } of found)
    call.io.out(
      `${severity.padEnd(8)} ${detector}: ${safe(summary)} (${safe(container.identity.workload)})\n`,
    );
  call.io.out(
    table(['RULE', 'ASKED', 'HITS', 'EXCEPTED', 'ERRORS', 'MICROSECONDS EACH'], rules.map(costLine)),
  );
  return EXIT.ok;
}

function explanation(rule: Rule): string {
  const { document } = rule;
  const when = document.when?.text.trim() ?? '';
  const lines = [
    `${document.name} (${document.place.file}:${document.place.line}): ${document.sentence}`,
    `on         ${document.on.join(', ')}`,
    ...(when === '' ? [] : [`when       ${when}`]),
    ...document.cases.map((each) => `case       ${each.when.text.trim()}`),
    ...(document.count === null
      ? []
      : [
          `count      at least ${document.count.atLeast} within ${Number(document.count.withinNs) / 1e9} s, per ${document.count.per}`,
        ]),
    ...document.grades.map(
      ({ when: of, severity, score }) =>
        `severity   ${severity} (${score})${of === null ? '' : ` when ${of.text.trim()}`}`,
    ),
    `techniques ${techniquesOf(document).join(' ') || '-'}`,
    `coverage   ${document.coverage.join(' ') || '-'}`,
    ...document.exceptions.map(({ name, reason }) => `except     ${name}: ${reason}`),
    ...document.on.map((subject) => `asked      of ${subject}: ${askedOf(rule, subject)}`),
    `next       ${document.next}`,
  ];
  return `${lines.join('\n')}\n`;
}

function askedOf(rule: Rule, subject: Parameters<Rule['keys']>[0]): string {
  const keys = rule.keys(subject);
  if (keys === null) return 'every one';
  const fields = [...new Set(keys.map(({ field }) => field))].join(', ');
  return `only those with one of ${count(keys.length, 'value')} of ${fields}`;
}

function explain(call: Call, name: string): number {
  const set = compiled(call, call.values['rules-folder']);
  if (set === null) return EXIT.failed;
  const rule = set.rules.find(({ document }) => document.name === name);
  if (rule === undefined)
    throw new UsageError(`rules: there is no rule ${safe(name)}; see picket rules list`);
  call.io.out(call.json ? `${toJson(line(rule.document))}\n` : explanation(rule));
  return EXIT.ok;
}

function coverage(call: Call): number {
  const set = compiled(call, call.values['rules-folder']);
  if (set === null) return EXIT.failed;
  const rows = coverageRows(set.rules.map(({ document }) => document));
  if (call.json) call.io.out(`${toJson({ behaviours: rows })}\n`);
  else {
    call.io.out(
      table(
        ['ID', 'BEHAVIOUR', 'FOUND'],
        rows.map((row) => [row.id, row.behaviour, wordsOf(row)]),
      ),
    );
    call.io.out(`\n${coverageSentence(rows)}\n`);
  }
  return EXIT.ok;
}

async function run(call: Call): Promise<number> {
  const [what = '', path] = call.positionals;
  if (what === 'list' && path === undefined) return list(call);
  if (what === 'coverage' && path === undefined) return coverage(call);
  if (path === undefined)
    throw new UsageError(`rules: list, coverage, or check FILE, test FILE, explain NAME`);
  if (what === 'check') return check(call, path);
  if (what === 'test') return tryOut(call, path);
  if (what === 'explain') return explain(call, path);
  throw new UsageError(`rules: there is no "${safe(what)}"; list, coverage, check, test or explain`);
}

export const rules: Command = {
  name: 'rules',
  takes: ['list|coverage|check|test|explain', '[FILE|FOLDER|NAME]'],
  sentence:
    'Lists the rules in force; says which known behaviours they find; checks a file of rules, with every fault at its line and column; tries it on a recording, with hits and cost of each rule; or explains a rule.',
  flags: { recording: { value: 'FILE', sentence: 'What `test` runs the rules on: made by picket record.' } },
  settings: 'agent',
  examples: [
    'picket rules list --rules-folder /etc/picket/rules',
    'picket rules check my-rules.yaml',
    'picket rules test my-rules.yaml --recording yesterday.pkt.gz',
    'picket rules explain server-spawns-shell',
  ],
  run,
};
