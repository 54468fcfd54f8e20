/** The protocol of the flows: the first half of the benign ones by time is learnt, the rest and all others are judged. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { auc, drAt, shareAbove } from './figures.ts';
import { type FlowRow, judgeFlows, readFlows } from './flows.ts';
import type { ReportInput, Section } from './report.ts';

const FILE = 'k8s-netflow.csv.gz';

/** Of each kind, who attacks whom, the share found; the least of kinds with at least this many flows, and of all. */
const MANY = 100;

function leastFound(
  attacks: readonly { readonly flow: FlowRow; readonly score: number }[],
  normals: readonly number[],
): { many: number; all: number } {
  const kinds = new Map<string, number[]>();
  for (const { flow, score } of attacks) {
    const kind = `${flow.from} ${flow.to}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), score]);
  }
  const found = [...kinds.values()].map((scores) => ({
    count: scores.length,
    share: drAt(normals, scores, 0.01),
  }));
  const least = (of: typeof found): number => Math.min(...of.map(({ share }) => share));
  return { many: least(found.filter(({ count }) => count >= MANY)), all: least(found) };
}

export async function reportFlows({ dir }: ReportInput): Promise<Section | null> {
  const path = [join(dir, 'flows', FILE), join(dir, FILE)].find((place) => existsSync(place));
  if (path === undefined) return null;
  const flows = readFlows(path);
  const benign = flows.filter(({ label }) => label === 'benign');
  const learnt = new Set(benign.slice(0, Math.floor(benign.length / 2)));
  const test = flows.filter((flow) => !learnt.has(flow));
  const scores = judgeFlows([...learnt], test);
  const judged = test.map((flow, i) => ({ flow, score: scores[i] ?? 0 }));
  const normals = judged.filter(({ flow }) => flow.label === 'benign').map(({ score }) => score);
  const attacks = judged.filter(({ flow }) => flow.label !== 'benign');
  const strange = attacks.map(({ score }) => score);
  const least = leastFound(attacks, normals);
  const percent = (asked: number): string => `${(shareAbove(normals, -Math.log2(asked)) * 100).toFixed(1)} %`;
  const row = [
    String(learnt.size),
    String(normals.length),
    String(attacks.length),
    auc(normals, strange).toFixed(4),
    drAt(normals, strange, 0.01).toFixed(3),
    drAt(normals, strange, 0.05).toFixed(3),
    percent(0.01),
    percent(0.05),
    `${least.many.toFixed(2)} (${least.all.toFixed(2)})`,
  ];
  const none = ['', '', ''];
  return {
    title: 'Flows, without port numbers (least found: of any kind of attack with 100 flows and more; of any)',
    head: ['LEARNT', 'NORMAL', 'ATTACK', 'AUC', 'DR@1', 'DR@5', 'ASKED 1 %', 'ASKED 5 %', 'LEAST FOUND'],
    rows: [
      row,
      ['baseline', ...none.slice(1), '.952', '.60', '.60', '-', '-', '-'],
      ['aim', ...none.slice(1), '.999', '.996', '.996', '1.3 %', '6.5 %', '.95'],
    ],
  };
}
