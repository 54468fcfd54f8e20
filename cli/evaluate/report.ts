/** `picket evaluate report`: each set that is found, by its protocol, beside the figures to beat. */
import { EXIT, UsageError } from '../args.ts';
import type { Call } from '../command.ts';
import { table } from '../text.ts';
import { reportAudit } from './audit-report.ts';
import { reportFlows } from './flows-report.ts';
import { seedOf } from './lots.ts';
import { reportMachines, reportStreams } from './metrics-report.ts';
import { reportTraces } from './traces-report.ts';

export interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface ReportInput {
  readonly dir: string;
  readonly seed: number;
}

/** Null when the folder holds nothing of the subject. */
export type Reporter = (input: ReportInput) => Promise<Section | null>;

const REPORTERS: readonly Reporter[] = [
  reportTraces,
  reportMachines,
  reportStreams,
  reportFlows,
  reportAudit,
];

export async function evaluateReport(call: Call): Promise<number> {
  const dir = call.flags['data'];
  if (typeof dir !== 'string') throw new UsageError('evaluate report: --data is missing');
  const seed = seedOf(call);
  let found = 0;
  for (const reporter of REPORTERS) {
    const section = await reporter({ dir, seed });
    if (section === null) continue;
    found += 1;
    call.io.out(`${section.title}\n${table(section.head, section.rows)}\n`);
  }
  if (found > 0) return EXIT.ok;
  call.io.error(`picket: ${dir}: none of the sets is there\n`);
  return EXIT.failed;
}
