import { isRingOperation, RING } from '../../features/action.ts';
import { actionFacts, who } from './privileges.ts';
import type { Rule } from './rule.ts';

const SOCKETS = {
  default:
    'docker.sock containerd.sock crio.sock cri-dockerd.sock dockershim.sock podman.sock buildkitd.sock kubelet.sock'.split(
      ' ',
    ),
  sentence: 'Names of sockets through which containers are made; the kernel side must watch the same names.',
} as const;
const NAMES: ReadonlySet<string> = new Set(SOCKETS.default);

export const runtimeSocket: Rule = {
  name: 'runtime-socket',
  sentence:
    "A program in a container connected to the node's container runtime, which does whatever it is asked as root.",
  techniques: ['T1611', 'T1610', 'T1609'],
  severity: 'high',
  knobs: { sockets: SOCKETS },
  on: ['action'],
  next: 'Look at which containers were made or entered since, and why the socket is mounted there.',
  match(event, { container }) {
    if (event.kind !== 'action' || container.kind !== 'container') return null;
    if (event.action !== 'socket-use' && !isRingOperation(event, RING.connect)) return null;
    if (!NAMES.has(event.path.slice(event.path.lastIndexOf('/') + 1))) return null;
    return {
      severity: event.refused ? 'medium' : 'high',
      score: event.refused ? 0.6 : 0.85,
      summary: `${who(event)} ${event.refused ? 'was refused to connect' : 'connected'} to the runtime's socket ${event.path}`,
      subject: `${event.exe} ${event.path} ${event.refused}`,
      techniques: ['T1611', 'T1610'],
      facts: actionFacts(event),
    };
  },
};
