/** Alert rules and dashboard, run against a real Prometheus that scrapes a real central and a real agent. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { Agent } from '../../agent/agent.ts';
import { agentRows } from '../../agent/settings.ts';
import { createLog } from '../../kit/log.ts';
import { readSettings } from '../../kit/read-settings.ts';
import { attack, container } from '../builders/summaries.ts';
import { startCentral, type TestCentral, temporaryFolder } from '../central/harness.ts';
import { fakeAddon } from '../fakes/addon.ts';
import { prometheusFolder, type RunningPrometheus, startPrometheus } from './prometheus.ts';

const CHART = join(import.meta.dirname, '../../manifests/chart/files');
const RULES = join(CHART, 'alerts/picket.yaml');
const DASHBOARD = join(CHART, 'dashboards/picket.json');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}
const rules = (parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}
const panels = (JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: Panel[] }).panels;
/** With the variables of Grafana as it would put them in. */
const shown = panels.flatMap(({ title, targets = [] }) =>
  targets.map(
    ({ expr }) => [title, expr.replaceAll('$__rate_interval', '1m').replaceAll('$node', '.*')] as const,
  ),
);
const expressions = [...rules.map(({ alert, expr }) => [alert, expr] as const), ...shown];

const had = prometheusFolder();
const folder = 'folder' in had ? had.folder : '';
if ('problem' in had)
  process.stderr.write(`Prometheus cannot be had, its tests are skipped: ${had.problem}\n`);

let state: ReturnType<typeof temporaryFolder>;
let central: TestCentral;
let agent: Agent;
let agentAddress = '';
let prometheus: RunningPrometheus | null = null;

beforeAll(async () => {
  state = temporaryFolder();
  central = await startCentral({ folder: state.path });
  const settings = readSettings(agentRows, {
    environment: {},
    file: null,
    flags: {
      'state-folder': join(state.path, 'node'),
      node: 'node-a',
      'agent-listen': '127.0.0.1:0',
      'central-url': '',
    },
  });
  agent = new Agent({
    settings,
    node: settings.node,
    version: '0.0.0',
    log: createLog({ name: 'agent', level: 'silent' }),
    out: () => undefined,
    addon: () => fakeAddon(),
    opening: null,
    record: null,
    replay: null,
  });
  agentAddress = `127.0.0.1:${(await agent.start()).port}`;
  await central.node(await central.enrol()).send(attack([container('web-1')]));
  const jobs = { 'picket-central': new URL(central.ready.metrics).host, 'picket-agent': agentAddress };
  if (folder !== '') prometheus = await startPrometheus(folder, jobs, RULES);
}, 120_000);
afterAll(async () => {
  await prometheus?.stop();
  await agent.stop();
  await central.stop();
  state.remove();
});

/** Names of metrics that a scrape of both processes declares, as series have them. */
async function declared(): Promise<ReadonlySet<string>> {
  const bodies = await Promise.all(
    [`${central.ready.metrics}/metrics`, `http://${agentAddress}/metrics`].map(async (url) =>
      (await fetch(url)).text(),
    ),
  );
  const names = bodies.flatMap((body) =>
    [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  return new Set(names);
}

it('speak only of metrics that the processes have', async () => {
  const known = await declared();
  const unknown = expressions.flatMap(([where, expr]) =>
    [...expr.matchAll(/picket_[a-z_]+/g)].flatMap(([name]) => (known.has(name) ? [] : [`${where}: ${name}`])),
  );
  expect(unknown).toEqual([]);
  expect(expressions.length).toBeGreaterThan(45);
});

it('each alert has a severity, and says what it is and what to do', () => {
  const silent = rules.filter(
    ({ labels, annotations }) =>
      !['critical', 'warning', 'info'].includes(labels['severity'] ?? '') ||
      (annotations['summary'] ?? '') === '' ||
      (annotations['description'] ?? '') === '',
  );
  expect(silent.map(({ alert }) => alert)).toEqual([]);
});

describe.skipIf(folder === '')('a real Prometheus', () => {
  it('scrapes both processes, takes every expression, and finds every rule healthy', async () => {
    const up = async () => {
      const { result } = (await prometheus?.ask('query', { query: 'sum(up)' })) as {
        result: { value: [number, string] }[];
      };
      return result[0]?.value[1];
    };
    await vi.waitFor(async () => expect(await up()).toBe('2'), { timeout: 60_000, interval: 500 });
    for (const [where, expr] of expressions)
      await expect(prometheus?.ask('query', { query: expr }), where).resolves.toBeDefined();
    interface Health {
      groups: { rules: { name: string; health: string; state: string }[] }[];
    }
    const health = async () =>
      ((await prometheus?.ask('rules')) as Health).groups.flatMap((group) =>
        group.rules.map((rule) => rule.health),
      );
    await vi.waitFor(async () => expect(new Set(await health())).toEqual(new Set(['ok'])), {
      timeout: 60_000,
      interval: 500,
    });
    expect(await health()).toHaveLength(rules.length);
  });

  it('fires when something is wrong, and not when all is well', () => {
    const at = '45m';
    const series = (values: Record<string, string>) =>
      Object.entries(values).map(([name, value]) => ({ series: name, values: value }));
    const firing = (alert: string, input: Record<string, string>) => ({
      interval: '1m',
      input_series: series(input),
      promql_expr_test: [
        {
          expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
          eval_time: at,
          exp_samples: [{ labels: '{}', value: 1 }],
        },
      ],
    });
    const quiet = {
      interval: '1m',
      input_series: series({
        'up{job="picket-agent",instance="a"}': '1x60',
        'up{job="picket-central",instance="c"}': '1x60',
        'picket_agent_ready{instance="a"}': '1x60',
        'picket_agent_hooks{instance="a"}': '40x60',
        'picket_agent_hooks_attached{instance="a"}': '40x60',
        'picket_agent_lost_total{instance="a",reason="ring"}': '0+60x60',
        'picket_agent_spool_waiting{instance="a"}': '0x60',
        'picket_agent_summaries_sent_total{instance="a"}': '0+30x60',
        'picket_central_nodes{instance="c",state="silent"}': '0x60',
        // The one sees its canary every ten minutes, the other is told to make none.
        'picket_agent_canary_age_seconds{instance="a"}': '60x60',
        'picket_agent_canary_interval_seconds{instance="a"}': '600x60',
        'picket_agent_canary_age_seconds{instance="b"}': '0+60x60',
        'picket_agent_canary_interval_seconds{instance="b"}': '0x60',
        'picket_central_canary_nodes{instance="c",state="deaf"}': '0x60',
        'picket_central_notifications_total{instance="c",notifier="chat",result="dead"}': '3x60',
      }),
      promql_expr_test: [{ expr: 'count(ALERTS{alertstate="firing"})', eval_time: at, exp_samples: [] }],
    };
    const tests = [
      quiet,
      firing('PicketAgentDown', { 'up{job="picket-agent",instance="a"}': '1x10 0x50' }),
      firing('PicketCentralDown', { 'up{job="picket-central",instance="c"}': '0x60' }),
      firing('PicketHooksMissing', {
        'picket_agent_hooks{instance="a"}': '40x60',
        'picket_agent_hooks_attached{instance="a"}': '39x60',
      }),
      firing('PicketLosingRecords', { 'picket_agent_lost_total{instance="a",reason="ring"}': '0+6000x60' }),
      firing('PicketUplinkStuck', {
        'picket_agent_spool_waiting{instance="a"}': '40x60',
        'picket_agent_summaries_sent_total{instance="a"}': '7x60',
      }),
      firing('PicketCannotContain', { 'picket_agent_containment_refused{instance="a",code="X"}': '1x60' }),
      firing('PicketNodeDeaf', {
        'picket_agent_canary_age_seconds{instance="a"}': '0+60x60',
        'picket_agent_canary_interval_seconds{instance="a"}': '600x60',
      }),
      firing('PicketNodesDeaf', { 'picket_central_canary_nodes{instance="c",state="deaf"}': '0x20 1x40' }),
      firing('PicketNodesSilent', { 'picket_central_nodes{instance="c",state="silent"}': '0x20 1x40' }),
      firing('PicketNotificationsGivenUp', {
        'picket_central_notifications_total{instance="c",notifier="chat",result="dead"}': '0x20 1x40',
      }),
      firing('PicketSummariesRefused', {
        'picket_central_requests_total{instance="c",route="POST /v1/summaries",code="PICKET_SCHEMA"}':
          '0+5x60',
      }),
      firing('PicketOrdersUnanswered', {
        'picket_central_orders_total{instance="c",kind="contain"}': '0+1x60',
        'picket_central_order_answers_total{instance="c",state="applied"}': '0x60',
      }),
    ];
    const aside = mkdtempSync(join(tmpdir(), 'picket-promtool-'));
    try {
      const file = join(aside, 'tests.json');
      writeFileSync(file, JSON.stringify({ rule_files: [RULES], evaluation_interval: '1m', tests }));
      const told = execFileSync(join(folder, 'promtool'), ['test', 'rules', file], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
      expect(told).toContain('SUCCESS');
    } finally {
      rmSync(aside, { recursive: true });
    }
  });
});
