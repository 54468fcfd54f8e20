import type { Action, ActionEvent } from '../../events/event.ts';
import { isRingOperation, RING } from '../../features/action.ts';
import { actionFacts, type Hit, isRuntime, isStarting, START_UP, who } from './privileges.ts';
import type { Rule } from './rule.ts';

const SET_IDS = 0o6000n;

const WAYS: Readonly<Partial<Record<Action, string>>> = {
  rename: 'rename',
  link: 'give another name to',
  symlink: 'make a link to',
  unlink: 'remove',
  chmod: 'change the rights of',
  chown: 'change the owner of',
  truncate: 'cut',
  setxattr: 'mark',
};

const RING_WAYS: readonly (readonly [bigint, Action])[] = [
  [RING.renameat, 'rename'],
  [RING.linkat, 'link'],
  [RING.symlinkat, 'symlink'],
  [RING.unlinkat, 'unlink'],
];

/** What a call does by its name, a ring does by its operation. */
const actionOf = (event: ActionEvent): Action =>
  RING_WAYS.find(([operation]) => isRingOperation(event, operation))?.[1] ?? event.action;

interface Doing {
  readonly words: string;
  readonly technique: string;
  readonly grave: boolean;
}

function doingOf(event: ActionEvent): Doing | null {
  const verb = WAYS[actionOf(event)];
  const path = event.path === '' ? 'a file' : event.path;
  if (verb === undefined) return null;
  if (event.action !== 'chmod') return { words: `${verb} ${path}`, technique: 'T1222.002', grave: false };
  if ((event.args[0] & SET_IDS) !== 0n)
    return { words: `let everybody run ${path} as its owner`, technique: 'T1548.001', grave: true };
  // That a file was made executable is a fact of the workload, and judged as such.
  return (event.args[0] & 0o111n) !== 0n
    ? null
    : { words: `${verb} ${path}`, technique: 'T1222.002', grave: false };
}

export const fileTampering: Rule = {
  name: 'file-tampering',
  sentence:
    'A program in a container gave another name, owner or right to a file that is watched, or a right that hands on ids.',
  techniques: ['T1222.002', 'T1548.001'],
  severity: 'high',
  knobs: { 'start-up': START_UP },
  on: ['action'],
  next: 'See whether a package was installed; if not, compare the file with its image.',
  match(event, context): Hit {
    if (event.kind !== 'action' || context.container.kind !== 'container') return null;
    const doing = doingOf(event);
    if (doing === null || isRuntime(event, context)) return null;
    const severity = isStarting(event, context) || event.refused ? 'low' : doing.grave ? 'high' : 'medium';
    return {
      severity,
      score: severity === 'high' ? 0.8 : severity === 'medium' ? 0.6 : 0.4,
      summary: `${who(event)} ${event.refused ? 'was refused to' : 'did'} ${doing.words}`,
      subject: `${event.exe} ${event.action} ${event.path} ${event.refused}`,
      techniques: [doing.technique],
      facts: actionFacts(event),
    };
  },
};
