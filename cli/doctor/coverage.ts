/** Which of the behaviours of behaviours.ts are found: by a rule, as what a workload never did, or why not. */
import type { RuleDocument } from '../../agent/rules/document.ts';
import { BEHAVIOURS } from './behaviours.ts';

const ids = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** Seen in the audit log of a cluster, in payloads, in registries or clouds, and not on a node. */
const ELSEWHERE = ids(
  'IA13 IA14 IA15 IA16 IA17 IA18 IA19 IA20 IA21 IA22 IA27 IA28 IA29 EX22 EX23 EX24 EX25 EX28 EX29 EX30 EX31 EX43 EX44 PE21 PE22 ' +
    'PE23 PE24 PE25 PE26 PE27 PE29 DE17 DE25 CR17 CR18 CR22 DI03 DI08 LM04 LM05 LM06 CC12 XF01 XF04 IM08 IM10 IM12',
);

/** Needs kprobes, LSM hooks or the memory of the kernel, which the floor of native/README.md has not. */
const KERNEL = ids('PR24 PR26 DE04 DE05 DE06 DE07 DE08 DE09 DE10 IM05');

/** The kind of fact that is new when it happens; a case of each is in test/agent/rules/learned.ndjson. */
export const LEARNED: Readonly<Record<string, string>> = {
  IA12: 'connect',
  EX14: 'exec',
  EX15: 'exec',
  EX16: 'syscall',
  EX17: 'action',
  PR18: 'capability',
  PR27: 'syscall',
  DE12: 'action',
  LM03: 'connect',
  CC01: 'connect',
  CC02: 'name',
  CC10: 'connect',
  CC18: 'connect',
  DI07: 'connect',
  XF02: 'file',
  XF06: 'folder',
};

/** The detector of what is usual that finds it; a case of each is in test/agent/rules/detected.ts. */
export const DETECTED: Readonly<Record<string, string>> = { CR19: 'access', XF05: 'volume' };

/** By a list of threats, where central is given one. */
const LISTED = ids('IA26 CC04 CC15 CC16');

export type Found = 'rule' | 'learned' | 'detector' | 'listed' | 'kernel' | 'elsewhere' | 'no';

export interface CoverageRow {
  readonly id: string;
  readonly behaviour: string;
  /** It happens where an agent can be, and not in the control plane or a payload. */
  readonly onNode: boolean;
  readonly found: Found;
  /** Names of rules, or the kind of fact. */
  readonly by: string;
}

const WORDS: Readonly<Record<Found, string>> = {
  rule: 'by rule',
  learned: 'as new',
  detector: 'as unlike what is usual',
  listed: 'where central is given a list of threats',
  kernel: 'the kernel here cannot show it',
  elsewhere: 'not on a node',
  no: 'no',
};

export const wordsOf = ({ found, by }: CoverageRow): string =>
  by === '' ? WORDS[found] : `${WORDS[found]}: ${by}`;

/** One row for each behaviour, by the rules that are in force. */
export function coverageRows(rules: readonly Pick<RuleDocument, 'name' | 'coverage'>[]): CoverageRow[] {
  return Object.entries(BEHAVIOURS).map(([id, behaviour]) => {
    const names = rules.filter(({ coverage }) => coverage.includes(id)).map(({ name }) => name);
    const found =
      names.length > 0
        ? 'rule'
        : (LEARNED[id] !== undefined && 'learned') ||
          (DETECTED[id] !== undefined && 'detector') ||
          (LISTED.has(id) && 'listed') ||
          (KERNEL.has(id) && 'kernel') ||
          (ELSEWHERE.has(id) ? 'elsewhere' : 'no');
    const by = found === 'rule' ? names.join(', ') : (LEARNED[id] ?? DETECTED[id] ?? '');
    return { id, behaviour, onNode: !ELSEWHERE.has(id), found, by };
  });
}

/** `149 of 195 on a node by rule, 15 as new, ...` */
export function coverageSentence(rows: readonly CoverageRow[]): string {
  const onNode = rows.filter((row) => row.onNode);
  const number = (found: Found): number => onNode.filter((row) => row.found === found).length;
  const share = Math.floor((100 * number('rule')) / onNode.length);
  return (
    `${rows.length} behaviours, ${onNode.length} of them on a node: ${number('rule')} (${share} %) by a rule, ${number('learned')} as new to ` +
    `their workload, ${number('detector')} as unlike what is usual, ${number('listed')} where central is given a list of threats, ` +
    `${number('kernel')} that the kernel here cannot show, ${number('no')} not.`
  );
}
