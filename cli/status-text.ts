/** `picket status` for people: what runs, what it found, what it lost, and what stands in the way. */
import type { AgentReport, CentralReport } from './client/answers.ts';
import { ago, count, safe } from './text.ts';

const line = (name: string, words: string): string => `  ${name.padEnd(12)} ${words}`;
const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

/** `3 (2 high, 1 low)`; the counts of every severity that has one. */
function bySeverity(counts: Readonly<Record<string, number>>): string {
  const total = Object.values(counts).reduce((sum, each) => sum + each, 0);
  const parts = Object.entries(counts).map(([severity, each]) => `${each} ${safe(severity)}`);
  return parts.length === 0 ? '0' : `${total} (${parts.join(', ')})`;
}

/** Only what is not 0, by name; `none` words when nothing is. */
function nonZero(counts: Readonly<Record<string, number>>, none: string): string {
  const parts = Object.entries(counts).filter(([, each]) => each !== 0);
  return parts.map(([name, each]) => `${safe(name)} ${each}`).join(', ') || none;
}

function hookWords(hooks: AgentReport['hooks']): string {
  const missing = hooks.filter(({ state }) => state !== 'attached');
  const names = missing.map(({ name, reason }) => `${safe(name)} (${safe(reason ?? 'not attached')})`);
  const tail = names.length === 0 ? '' : `; missing: ${names.join(', ')}: see picket doctor`;
  return `${hooks.length - missing.length} of ${hooks.length} attached${tail}`;
}

function uplinkWords({ central, numbers }: AgentReport, nowMs: number): string {
  if (central.url === '') return 'none: works alone';
  const { acceptedAtMs } = central;
  const last = acceptedAtMs === 0 ? 'nothing accepted yet' : `accepted ${ago(nowMs - acceptedAtMs)} ago`;
  const waiting = `${count(numbers.spool.waiting, 'summary', 'summaries')} waiting`;
  const trouble = nonZero({ ...numbers.uplink.failures, ...numbers.uplink.refused }, '');
  return `${safe(central.url)}, ${central.enrolled ? last : 'not enrolled yet'}, ${waiting}${trouble === '' ? '' : `; ${trouble}`}`;
}

function containmentWords({ containment, numbers }: AgentReport): string {
  if (!containment.enabled) return `not possible: ${safe(containment.refusal ?? 'switched off')}`;
  return `${count(numbers.leases, 'lease')} in force; orders: ${nonZero(numbers.orders, 'none')}`;
}

function profileWords({ containers, profiles }: AgentReport['numbers']): string {
  const { guarding, pairs, suspects, armedAgain } = profiles;
  const known = `${count(pairs, 'pair')} of calls known, ${count(suspects, 'suspect')}, ${armedAgain} armed again`;
  return `${guarding} of ${containers + 1} guard; ${known}`; // the host is one more
}

/** The promise on false alarms beside what became of it. */
function promiseWords({ promise }: AgentReport['numbers']): string {
  if (promise === undefined) return 'not told by this agent';
  const { alarms, hours, budgetHours } = promise;
  const promised = `at most one in ${budgetHours.toFixed(1)} h of a workload is promised to be false`;
  return `${count(alarms, 'alert')} by evidence in ${hours.toFixed(1)} container-hours seen whole; ${promised}`;
}

/** Whether the node is known to see, by what it does itself to be seen. */
function canaryWords(canary: AgentReport['numbers']['canary'], nowMs: number): string {
  if (canary === undefined) return 'not told by this agent';
  const { intervalMs, results, detectMs, provedMs } = canary;
  if (intervalMs === 0) return 'off: nothing proves that the node sees (canary-interval)';
  const proved = provedMs === null ? 'not proved yet' : `proved ${ago(nowMs - provedMs)} ago`;
  const took = detectMs === null ? '' : `, seen and logged in ${detectMs.toFixed(1)} ms`;
  return `${proved}${took}; every ${ago(intervalMs)}: ${nonZero(results, 'none yet')}`;
}

/** Agents before this part of the report do not have it. */
function trafficWords(traffic: AgentReport['numbers']['traffic']): string {
  if (traffic === undefined) return 'not told by this agent';
  const { bytesIn, bytesOut, segments, datagrams, dnsQuestions, dnsFailures } = traffic;
  return (
    `${mebibytes(bytesIn)} in, ${mebibytes(bytesOut)} out; ${segments} TCP segments, ${datagrams} UDP datagrams; ` +
    `${count(dnsQuestions, 'DNS question')}, ${dnsFailures} failed`
  );
}

function rulesWords({ folder, inForce, problems }: NonNullable<AgentReport['rules']>): string {
  const from = folder === '' ? '' : `, with those of ${safe(folder)}`;
  const refused =
    problems.length === 0 ? '' : `; what changed there is not in force: ${safe(problems.join('; '))}`;
  return `${inForce} in force${from}${refused}`;
}

function podsWords({ source, inStep, heardMs }: NonNullable<AgentReport['pods']>): string {
  const heard = heardMs === null ? 'never heard of' : `heard of ${ago(heardMs)} ago`;
  return `from ${safe(source)}, ${inStep ? 'as they are' : `as they were when last heard of; ${heard}`}`;
}

/** Lines of the agent's part. */
export function agentLines(report: AgentReport, nowMs: number): string[] {
  const { numbers } = report;
  const { alertLogProblem, ownNumberProblem = null, podsProblem, recordingProblem } = report;
  const problems = [alertLogProblem, ownNumberProblem, podsProblem, recordingProblem].filter(
    (problem) => problem !== null,
  );
  const from = report.source === 'kernel' ? '' : ', from a recording';
  return [
    `agent on node ${safe(report.node)}, cluster ${safe(report.cluster)}`,
    line(
      'state',
      `${report.ready ? 'ready' : 'not ready'}, up ${ago(report.uptimeMs)}, pid ${report.pid}${from}`,
    ),
    line('hooks', hookWords(report.hooks)),
    line(
      'watching',
      `${count(numbers.containers, 'container or service', 'containers and services')}, ${count(numbers.workloads, 'baseline')}`,
    ),
    line(
      'lives',
      `${count(numbers.lives.starts, 'start')}, ${count(numbers.lives.restarts, 'restart')}, ${count(numbers.lives.oomKills, 'OOM kill')}`,
    ),
    ...(report.pods == null ? [] : [line('pods', podsWords(report.pods))]),
    ...(report.rules === undefined ? [] : [line('rules', rulesWords(report.rules))]),
    line('profiles', profileWords(numbers)),
    line('promise', promiseWords(numbers)),
    line('canary', canaryWords(numbers.canary, nowMs)),
    line('found', `detections ${bySeverity(numbers.detections)}; alerts ${bySeverity(numbers.alerts)}`),
    line('traffic', trafficWords(numbers.traffic)),
    line('lost', nonZero(numbers.lost, 'nothing')),
    line('central', uplinkWords(report, nowMs)),
    line('containment', containmentWords(report)),
    line('kernel maps', mebibytes(numbers.mapBytes)),
    line('alert log', safe(report.alertLog)),
    ...problems.map((problem) => line('problem', safe(problem))),
  ];
}

const policiesWords = (policies: NonNullable<CentralReport['policies']>): string =>
  policies.map(({ kind, name }) => `${safe(kind)} ${safe(name)}`).join(', ') || 'none: observe';

const notifiersWords = (notifiers: NonNullable<CentralReport['notifiers']>): string =>
  notifiers
    .map(({ name, waiting }) => `${safe(name)}${waiting === 0 ? '' : ` (${waiting} waiting)`}`)
    .join(', ') || 'none: nobody is told';

/** Lines of central's part. */
export function centralLines(report: CentralReport): string[] {
  const { cluster, database, streams, policies, exceptions, notifiers, rows } = report;
  return [
    `central of cluster ${safe(cluster)}`,
    line(
      'nodes',
      `${rows === undefined ? '' : `${rows['nodes'] ?? 0}, `}${count(streams, 'order stream')} open`,
    ),
    ...(policies === undefined ? [] : [line('policies', policiesWords(policies))]),
    ...(exceptions === undefined ? [] : [line('exceptions', `${exceptions} in force`)]),
    ...(notifiers === undefined ? [] : [line('told', notifiersWords(notifiers))]),
    ...(rows === undefined ? [] : [line('holds', nonZero(rows, 'nothing yet'))]),
    line('database', safe(database)),
  ];
}
