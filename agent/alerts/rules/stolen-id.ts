import { newUser } from '../../features/action.ts';
import { actionFacts, who } from './privileges.ts';
import type { Rule } from './rule.ts';

export const stolenId: Rule = {
  name: 'stolen-id',
  sentence: 'A process has other ids than before, which neither a call nor its executable gave it.',
  techniques: ['T1068'],
  severity: 'high',
  knobs: {},
  on: ['action'],
  next: 'Take the kernel of the node for broken into: cut the node off before anything else.',
  match(event) {
    if (event.kind !== 'action' || event.action !== 'stolen-id') return null;
    return {
      severity: 'high',
      score: 0.95,
      summary: `${who(event)} runs as user ${newUser(event)}, which nothing gave it`,
      subject: `${event.exe} ${newUser(event)}`,
      techniques: ['T1068'],
      facts: actionFacts(event),
    };
  },
};
