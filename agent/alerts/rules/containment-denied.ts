import type { Rule } from './rule.ts';

const TRIED = { connect: 'to connect', send: 'to send', exec: 'to start a program' } as const;

export const containmentDenied: Rule = {
  name: 'containment-denied',
  sentence: 'A contained workload tried what its containment forbids.',
  techniques: [],
  severity: 'low',
  knobs: {},
  on: ['denied'],
  next: 'The containment holds; what was tried tells what the process is after.',
  match(event) {
    if (event.kind !== 'denied') return null;
    const peer = event.peer === '' ? '' : ` ${event.peer} port ${event.port}`;
    return {
      severity: event.what === 'exec' ? 'low' : 'info',
      score: 0.3,
      summary: `the contained workload tried ${TRIED[event.what]}${peer} and was stopped`,
      subject: `${event.what}${peer}`,
      techniques: [],
      facts: { what: event.what, peer: event.peer, port: String(event.port) },
    };
  },
};
