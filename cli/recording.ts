/**
 * Recordings from the command line's side: what of the settings is kept in one, and a pipeline made from one. The
 * pipeline is the agent's own, so that a replay gives the same detections with the same ids.
 */
import type { Rules } from '../agent/alerts/hit.ts';
import type { Start } from '../agent/events/frame.ts';
import type { Architecture } from '../agent/features/syscalls.ts';
import { budgetNs } from '../agent/models/evidence/budget.ts';
import { Pipeline, type PipelineSettings, type Sink } from '../agent/pipeline.ts';
import { ourRules } from '../agent/rules/ours.ts';
import { agentRows } from '../agent/settings.ts';
import { readSettings } from '../kit/read-settings.ts';

/** The settings that change verdicts. */
export const VERDICT_ROWS = {
  'learn-windows': agentRows['learn-windows'],
  'mature-windows': agentRows['mature-windows'],
  'min-score': agentRows['min-score'],
  'group-for': agentRows['group-for'],
  'false-alarms': agentRows['false-alarms'],
  shadow: agentRows.shadow,
} as const;
export type VerdictName = keyof typeof VERDICT_ROWS;
export type Overrides = Readonly<Partial<Record<VerdictName, string>>>;

const isVerdictName = (name: string): name is VerdictName => name in VERDICT_ROWS;

/** The agent writes durations as plain milliseconds. */
const withUnit = (name: VerdictName, value: string): string =>
  VERDICT_ROWS[name].type === 'milliseconds' && /^\d+$/.test(value) ? `${value}ms` : value;

/** Those the recording was made with, changed by `overrides`. @throws SettingsError */
export function verdictSettings(start: Pick<Start, 'settings'>, overrides: Overrides): PipelineSettings {
  const recorded = Object.fromEntries(
    Object.entries(start.settings).flatMap(([name, value]) =>
      isVerdictName(name) ? [[name, withUnit(name, value)]] : [],
    ),
  );
  const values = readSettings(VERDICT_ROWS, {
    flags: { ...recorded, ...overrides },
    environment: {},
    file: null,
  });
  return {
    learnWindows: values['learn-windows'],
    matureWindows: values['mature-windows'],
    minScore: values['min-score'],
    shadow: new Set(values.shadow),
    groupForMs: values['group-for'],
    budgetNs: budgetNs(values['false-alarms']),
  };
}

/** Which names system-call numbers have: those of the machine that recorded. */
export function architectureOf(name: string): Architecture {
  return name === 'arm64' ? 'arm64' : 'x64';
}

/** With our rules, or those that are given: which ones were in force is not in a recording. `onTrial` null: as it was. */
export function pipelineOf(
  start: Start,
  overrides: Overrides,
  sink: Sink,
  rules: Rules = ourRules(),
  onTrial: ((detector: string) => boolean) | null = null,
): Pipeline {
  const settings = verdictSettings(start, overrides);
  return new Pipeline({
    cluster: start.cluster,
    node: start.node,
    boot: start.boot,
    bootNs: start.bootNs,
    wallMs: start.wallMs,
    settings: onTrial === null ? settings : { ...settings, shadow: { has: onTrial } },
    architecture: architectureOf(start.settings['architecture'] ?? process.arch),
    podsExpected: start.settings['pods'] !== '',
    rules,
    sink,
  });
}
