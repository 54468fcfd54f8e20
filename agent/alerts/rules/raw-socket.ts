import { actionFacts, who } from './privileges.ts';
import type { Rule } from './rule.ts';

const PROBERS = {
  default:
    'ping ping4 ping6 fping arping traceroute traceroute6 tracepath mtr-packet dhclient udhcpc keepalived speaker'.split(
      ' ',
    ),
  sentence: 'Programs that need raw sockets for their work.',
} as const;
const NAMES: ReadonlySet<string> = new Set(PROBERS.default);
const AF_PACKET = 17n;

export const rawSocket: Rule = {
  name: 'raw-socket',
  sentence:
    'A program in a container opened a socket below TCP and UDP: it can listen to others and forge packets.',
  techniques: ['T1040', 'T1095', 'T1557'],
  severity: 'medium',
  knobs: { probers: PROBERS },
  on: ['action'],
  next: 'Take NET_RAW from the container if it does not need it; containment of the network does not hold these sockets.',
  match(event, { container }) {
    if (event.kind !== 'action' || event.action !== 'raw-socket' || container.kind !== 'container')
      return null;
    const usual = NAMES.has(event.exe) && event.args[0] !== AF_PACKET;
    const packet = event.args[0] === AF_PACKET;
    return {
      severity: usual || event.refused ? 'low' : 'medium',
      score: usual ? 0.2 : event.refused ? 0.4 : 0.6,
      summary: `${who(event)} ${event.refused ? 'was refused' : 'opened'} a ${packet ? 'packet' : 'raw'} socket`,
      subject: `${event.exe} ${event.args[0]} ${event.refused}`,
      techniques: packet ? ['T1040'] : ['T1095'],
      facts: { ...actionFacts(event), family: String(event.args[0]), protocol: String(event.args[2]) },
    };
  },
};
