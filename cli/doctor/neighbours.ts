/** Programs of others where picket's attach: what they cost, and what they forbid. */
import type { BpfUsers } from '../../native/index.ts';
import { type Check, ok, warn } from './check.ts';
import { HOOKS } from './hooks.ts';

/** The kernel keeps 15 characters of a program's name. */
const NAME_BYTES = 15;
const OWN = new Set(HOOKS.map(({ program }) => program.slice(0, NAME_BYTES)));

export function neighbourChecks(users: BpfUsers): Check[] {
  return [exclusiveCheck(users), sharedCheck(users)];
}

/** A program attached to an ancestor without BPF_F_ALLOW_MULTI keeps everybody off the cgroups below. */
function exclusiveCheck({ onRoot, refusal }: BpfUsers): Check {
  const name = 'BPF on the cgroup root';
  const exclusive = onRoot.filter((program) => program.exclusive);
  if (exclusive.length > 0)
    return warn(
      name,
      exclusive
        .map((program) => `${program.hook}: ${program.name || 'nameless'} (id ${program.id}), alone`)
        .join('; '),
      'the kernel refuses another program of that kind in the cgroups below: no container can be cut off from the network',
      'have its owner attach it with BPF_F_ALLOW_MULTI: bpftool cgroup show',
    );
  if (refusal !== null && onRoot.length === 0) return ok(name, `cannot be told: ${refusal}`);
  return ok(name, onRoot.length === 0 ? 'none' : summary(onRoot));
}

function sharedCheck({ onTracepoints, refusal }: BpfUsers): Check {
  const name = 'BPF on the same tracepoints';
  if (refusal !== null) return ok(name, `cannot be told: ${refusal}`);
  const others = onTracepoints.filter((program) => !OWN.has(program.name));
  const own = onTracepoints.length - others.length;
  const running = own > 0 ? `${own} of a picket that runs` : '';
  const calls = others.filter(({ hook }) => hook.endsWith('/sys_exit') || hook.endsWith('/sys_enter'));
  const found = [running, others.length > 0 ? `${others.length} of others: ${summary(others)}` : '']
    .filter((part) => part !== '')
    .join('; ');
  if (calls.length === 0) return ok(name, found === '' ? 'none' : found);
  return warn(
    name,
    found,
    `${calls.length} of them run at every system call, beside picket's own: what picket costs is not all that calls cost`,
    'nothing for picket; see whether two sensors are wanted: bpftool link show',
  );
}

function summary(programs: readonly { readonly hook: string; readonly name: string }[]): string {
  const shown = programs.slice(0, 6).map(({ hook, name }) => `${name || 'nameless'} on ${hook}`);
  return `${shown.join(', ')}${programs.length > shown.length ? ` and ${programs.length - shown.length} more` : ''}`;
}
