import type { Action, ActionEvent, OpenEvent } from '../../events/event.ts';
import { namespacesOf } from '../../features/action.ts';
import { actionFacts, type Hit, isRuntime, isStarting, START_UP, who } from './privileges.ts';
import type { Rule, RuleContext } from './rule.ts';

interface Way {
  readonly words: string;
  readonly technique: string;
}

const WAYS: Readonly<Partial<Record<Action, Way>>> = {
  mount: { words: 'mount a file system', technique: 'T1611' },
  'move-mount': { words: 'put a mount in place', technique: 'T1611' },
  fsmount: { words: 'make a mount', technique: 'T1611' },
  'open-tree': { words: 'take hold of a mounted tree', technique: 'T1611' },
  'pivot-root': { words: 'change the root of its mounts', technique: 'T1611' },
  setns: { words: 'enter a namespace', technique: 'T1611' },
  unshare: { words: 'leave for new namespaces', technique: 'T1611' },
  'clone-ns': { words: 'start a process in new namespaces', technique: 'T1611' },
  'open-handle': { words: 'open a file by its handle, past all folders', technique: 'T1611' },
  'module-load': { words: 'load a kernel module', technique: 'T1547.006' },
  'module-unload': { words: 'unload a kernel module', technique: 'T1547.006' },
  'bpf-load': { words: 'load a BPF program', technique: 'T1014' },
  kexec: { words: 'load another kernel', technique: 'T1542' },
  'mount-attr': { words: 'change a mount', technique: 'T1611' },
  'make-device': { words: 'make a device', technique: 'T1611' },
  'io-ports': { words: 'reach the ports of the machine', technique: 'T1611' },
};
// Browsers and build tools make these for their own sandboxes, so that by themselves they are less.
const SANDBOX: ReadonlySet<Action> = new Set(['unshare', 'clone-ns', 'open-tree']);

const HOST_FILES = {
  default: [
    'core_pattern',
    'release_agent',
    'notify_on_release',
    'sysrq-trigger',
    'uevent_helper',
    'modprobe',
  ],
  sentence: 'Files of the kernel that name a program which it runs outside of every container.',
} as const;
const HOST_FILE_NAMES: ReadonlySet<string> = new Set(HOST_FILES.default);

function byAction(event: ActionEvent, context: RuleContext): Hit {
  const way = WAYS[event.action];
  if (way === undefined || isRuntime(event, context)) return null;
  const what = namespacesOf(event.action === 'setns' ? 0n : event.args[0]);
  const detail =
    SANDBOX.has(event.action) && what !== '' ? ` (${what})` : event.name === '' ? '' : ` (${event.name})`;
  const less = SANDBOX.has(event.action) || event.refused;
  const severity = isStarting(event, context) ? 'low' : less ? 'medium' : 'high';
  return {
    severity,
    score: severity === 'high' ? 0.85 : severity === 'medium' ? 0.6 : 0.4,
    summary: `${who(event)} ${event.refused ? 'was refused to' : event.result < 0n ? 'tried to' : 'did'} ${way.words}${detail}`,
    subject: `${event.exe} ${event.action}${detail} ${event.refused}`,
    techniques: [way.technique],
    facts: actionFacts(event),
  };
}

function byFile(event: OpenEvent): Hit {
  const name = event.path.slice(event.path.lastIndexOf('/') + 1);
  if (!event.write || !HOST_FILE_NAMES.has(name)) return null;
  return {
    severity: 'high',
    score: 0.9,
    summary: `${event.exe || 'a process'} opened for writing what the kernel runs on the host: ${event.path}`,
    subject: `${event.exe} ${event.path}`,
    techniques: ['T1611'],
    facts: { program: event.exe, file: event.path },
  };
}

export const escapeAttempt: Rule = {
  name: 'escape-attempt',
  sentence: 'A program in a container did, or tried, what leads out of it and what only a runtime does.',
  techniques: ['T1611', 'T1547.006', 'T1014', 'T1542'],
  severity: 'high',
  knobs: { 'start-up': START_UP, 'host-files': HOST_FILES },
  on: ['action', 'open'],
  next: 'Look at which capabilities the container has, and whether anything of it runs on the node itself.',
  match(event, context) {
    if (context.container.kind !== 'container') return null;
    if (event.kind === 'open') return byFile(event);
    return event.kind === 'action' ? byAction(event, context) : null;
  },
};
