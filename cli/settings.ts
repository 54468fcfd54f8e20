/** All settings of picket: the union of both processes' rows, read from flags, PICKET_* and one YAML file. */
import { readFileSync } from 'node:fs';
import { agentRows } from '../agent/settings.ts';
import { centralRows } from '../central/settings.ts';
import {
  environmentName,
  type Rows,
  readSettings,
  type Settings,
  SettingsError,
} from '../kit/read-settings.ts';

/** Shared rows stand in both and are one object, so that the spread cannot choose. */
export const allRows = { ...agentRows, ...centralRows };
export type AllSettings = Settings<typeof allRows>;

/** Which rows a command takes as flags; the file and the environment may always hold all. */
export const ROW_SETS: Readonly<Record<'agent' | 'central' | 'all' | 'none', Rows>> = {
  agent: agentRows,
  central: centralRows,
  all: allRows,
  none: {},
};

type Flags = Readonly<Record<string, string | true>>;

function readFileSetting(
  flags: Flags,
  environment: NodeJS.ProcessEnv,
): { path: string; text: string } | null {
  const given = flags['config'] ?? environment[environmentName('config')] ?? '';
  if (given === '' || given === true) return null;
  try {
    return { path: given, text: readFileSync(given, 'utf8') };
  } catch (error) {
    throw new SettingsError([`--config: ${(error as Error).message}`]);
  }
}

/** @throws SettingsError that lists every violation. */
export function readAllSettings(flags: Flags, environment: NodeJS.ProcessEnv): AllSettings {
  return readSettings(allRows, { flags, environment, file: readFileSetting(flags, environment) });
}
