/** The protocols of the audit sets. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeAudit } from '../../central/audit/decode.ts';
import { auditScorer, readEntries, stream, timed } from './audit.ts';
import { auc, drAt } from './figures.ts';
import type { ReportInput, Section } from './report.ts';

const RULES = 'panther-dev.ndjson';
const CHURN = 'perfspec.csv.gz';

/** Every rule's entries are scored by what was learnt from the normal entries of all other rules. */
async function leaveOneOut(path: string): Promise<string[]> {
  const entries = await readEntries(path);
  const calm: number[] = [];
  const strange: number[] = [];
  for (const rule of new Set(entries.map((entry) => entry.rule))) {
    const score = auditScorer(entries.filter((entry) => entry.rule !== rule && !entry.malicious));
    for (const entry of entries)
      if (entry.rule === rule) (entry.malicious ? strange : calm).push(score(entry));
  }
  const figures = [auc(calm, strange), drAt(calm, strange, 0.01), drAt(calm, strange, 0.05)];
  return [
    'panther-dev, leave one rule out',
    String(entries.length),
    figures.map((value) => value.toFixed(3)).join(' '),
    '.867 .16 .69',
    '.97 .70 .90',
  ];
}

/** Rows without names: cluster, time, user, verb, resource, subresource, name, -, URI, id, stage, code. */
function churnEvents(path: string): ReturnType<typeof timed> {
  const lines = gunzipSync(readFileSync(path)).toString('utf8').split('\n');
  const events = lines.flatMap((line) => {
    const [, time, username, verb, resource, subresource, name, , requestURI, auditID, stage, code] =
      line.split(',');
    if (code === undefined || stage === 'RequestReceived') return [];
    const decoded = decodeAudit({
      kind: 'Event',
      requestReceivedTimestamp: time,
      user: { username },
      verb,
      objectRef: { resource, subresource, name },
      requestURI,
      auditID,
      responseStatus: { code: Number(code) || undefined },
    });
    return decoded === null ? [] : [decoded];
  });
  return timed(events);
}

export async function reportAudit({ dir }: ReportInput): Promise<Section | null> {
  const [rules, churn] = [join(dir, 'audit', RULES), join(dir, 'audit', CHURN)];
  const rows: string[][] = [];
  if (existsSync(rules)) rows.push(await leaveOneOut(rules));
  if (existsSync(churn)) {
    const [first, ...again] = stream(churnEvents(churn), 6);
    const told = again.map(({ alerts }) => alerts).join(' ');
    rows.push([
      'perfspec, from an empty state',
      String(first?.events ?? 0),
      `${first?.alerts} grouped alert(s) in ${first?.minutes.toFixed(1)} min; repeated: ${told}`,
      '59 per 1,000 events',
      'at most 1 a minute; 0 once repeated',
    ]);
  }
  if (rows.length === 0) return null;
  return { title: 'audit (AUC DR@1 DR@5)', head: ['SET', 'ENTRIES', 'FIGURES', 'BASELINE', 'AIM'], rows };
}
