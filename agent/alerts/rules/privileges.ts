/** What the rules about actions share: who may, and when. */
import type { ActionEvent } from '../../events/event.ts';
import type { Rule, RuleContext } from './rule.ts';

const set = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** Runtimes make containers and enter them: mounts, namespaces, roots and ids are their work. */
const RUNTIMES = set(
  'runc crun youki runsc containerd-shim-runc-v2 containerd-shim containerd dockerd conmon crio podman',
);
// Names under which their sealed copies run; `exe` where it is opened through /proc/self/exe.
const RUNTIME_COPIES = /^(?:memfd:)?(?:runc_cloned|crun|youki|exe$|runc|libcontainer)/;

/** By its name only, which is the workload's to choose. */
export const isRuntimeName = (exe: string): boolean => RUNTIMES.has(exe) || RUNTIME_COPIES.test(exe);

/**
 * The runtime, by its name and by that of what started it: a workload may call a program runc, but the shell or server
 * that starts it is seen doing so.
 */
export function isRuntime(event: ActionEvent, { lineage }: RuleContext): boolean {
  if (!isRuntimeName(event.exe)) return false;
  const [own, parent] = lineage;
  const ran = own?.before.every((exe) => isRuntimeName(exe)) ?? true;
  return ran && (parent === undefined || parent.exe === '' || isRuntimeName(parent.exe));
}

export const START_UP = {
  default: 5,
  sentence: 'Seconds after the start of a container in which its entry point may still be setting itself up.',
} as const;
const START_UP_NS = BigInt(START_UP.default) * 1_000_000_000n;

export function isStarting(event: Pick<ActionEvent, 'time'>, { container }: RuleContext): boolean {
  return container.madeAt !== null && event.time - container.madeAt < START_UP_NS;
}

/** `nsenter was refused to`, `sh tried to`: for sentences that go on with a verb. */
export const who = (event: ActionEvent): string => event.exe || 'a process';

/** Facts that every hit on an action has. */
export function actionFacts(event: ActionEvent): Record<string, string> {
  return {
    program: event.exe,
    action: event.action,
    result: event.refused ? 'refused' : event.result < 0n ? 'failed' : 'done',
    ...(event.name === '' ? {} : { [event.claimed ? 'claimed_name' : 'name']: event.name }),
    ...(event.path === '' ? {} : { [event.claimed ? 'claimed_path' : 'path']: event.path }),
    ...(event.target === null ? {} : { target_pid: String(event.target.pid) }),
  };
}

export type Hit = ReturnType<Rule['match']>;
