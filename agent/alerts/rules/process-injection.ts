import type { ActionEvent } from '../../events/event.ts';
import { actionFacts, isRuntime, who } from './privileges.ts';
import type { Rule } from './rule.ts';

const TRACEME = 0n; // ptrace(2): asks its own parent to trace it

function words(event: ActionEvent): string | null {
  switch (event.action) {
    case 'ptrace':
      return event.args[0] === TRACEME ? null : 'trace';
    case 'vm-write':
      return 'write into the memory of';
    case 'vm-read':
      return 'read the memory of';
    case 'take-fd':
      return 'take an open file from';
    case 'signal':
      return 'send a signal to';
    default:
      return null;
  }
}

export const processInjection: Rule = {
  name: 'process-injection',
  sentence: 'A program in a container reached into another process: its memory, its files or its life.',
  techniques: ['T1055', 'T1055.008', 'T1489'],
  severity: 'high',
  knobs: {},
  on: ['action'],
  next: 'Ask whether somebody is debugging; if not, take both processes for one.',
  match(event, context) {
    if (event.kind !== 'action' || context.container.kind !== 'container') return null;
    const verb = words(event);
    if (verb === null || isRuntime(event, context)) return null;
    // To signal and be refused is what a process manager that looks around does.
    if (event.action === 'signal' && event.refused) return null;
    const outside = event.target !== null && event.target.slot !== 0 && event.target.slot !== event.slot;
    const high = outside && !event.refused;
    const target = event.name === '' ? 'another process' : event.name;
    return {
      severity: high ? 'high' : 'medium',
      score: high ? 0.85 : 0.6,
      summary: `${who(event)} ${event.refused ? 'was refused to' : 'did'} ${verb} ${target}${outside ? ', which is outside of its container' : ''}`,
      subject: `${event.exe} ${event.action} ${event.name} ${outside} ${event.refused}`,
      techniques: [event.action === 'signal' ? 'T1489' : event.action === 'ptrace' ? 'T1055.008' : 'T1055'],
      facts: actionFacts(event),
    };
  },
};
