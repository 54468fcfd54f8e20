/**
 * Every hook of the kernel programs: what it is for, which behaviours only it lets picket see, and what its absence
 * costs beside them. The one place for it: `picket doctor` and the table in this folder's README are made from it, and
 * a test compares it with the programs. A behaviour stands here when its data comes through the hook today.
 */
import type { Hook } from '../../native/index.ts';
import { BEHAVIOURS } from './behaviours.ts';
import { type Check, fail, ok, warn } from './check.ts';

export interface HookRow {
  /** Name of the eBPF program. */
  readonly program: string;
  /** What it attaches to; as the section of the program. */
  readonly hook: string;
  readonly for: string;
  readonly without: string;
  /** Ids of behaviours, separated by spaces. */
  readonly serves: string;
}

const CALLS =
  'IA06 EX12 EX16 PE01 PE07 PE09 PE10 PE16 PE18 PE19 PR01 PR02 PR04 PR05 PR06 PR07 PR08 PR12 PR14 PR16 PR17 PR18 PR19 PR25 PR28 PR30 PR31 DE03 DE12 CR01 CR02 CR03 CR04 CR07 CR08 CR09 CR10 CR12 CR15 CC14';
const PROGRAMS =
  'IA01 IA02 IA03 IA04 IA05 IA09 IA10 IA24 EX01 EX03 EX04 EX05 EX06 EX07 EX08 EX09 EX11 EX14 EX15 EX18 EX20 EX21 EX27 EX32 EX33 EX35 EX36 EX37 EX39 EX42 PE01 PE02 PE08 PE28 PR09 PR20 PR21 PR22 PR33 DE01 DE02 DE15 DE18 DE19 DE20 CR05 CR06 CR16 CR20 DI05 DI06 DI09 DI10 LM02 CC03 CC13 XF01 XF03 IM01 IM02 IM07 IM11 IM13';
const CONNECTIONS =
  'IA10 IA11 IA12 IA24 EX40 EX41 CR13 DI01 DI02 DI04 DI06 LM01 LM03 LM07 CC01 CC04 CC05 XF05 IM03';

const cgroups = (hook: string): HookRow => ({
  program: { mkdir: 'cgroup_made', rmdir: 'cgroup_removed', attach_task: 'cgroup_moved' }[hook] ?? '',
  hook: `tp_btf/cgroup_${hook}`,
  for: 'containers come, go, and processes move between them',
  without: 'nothing is watched: records could not be told apart by container',
  serves: '',
});

const cut = (program: string, hook: string, without: string): HookRow => ({
  program,
  hook,
  for: 'network deny',
  without,
  serves: '',
});

const NO_DENY = 'no container can be cut off from the network';

export const HOOKS: readonly HookRow[] = [
  {
    program: 'call_returned',
    hook: 'tp_btf/sys_exit',
    for: 'counts and pairs of system calls, opens of watched files and new folders, privilege actions',
    without: 'nothing is watched',
    serves: CALLS,
  },
  {
    program: 'call_returned_by_helpers',
    hook: 'tp_btf/sys_exit',
    for: 'the same, instead of the one above, where the kernel has no bpf_rdonly_cast (before Linux 6.2)',
    without: 'nothing is watched',
    serves: CALLS,
  },
  {
    program: 'program_executed',
    hook: 'tp_btf/sched_process_exec',
    for: 'programs that are executed, with path, arguments and lineage',
    without: 'nothing is watched',
    serves: PROGRAMS,
  },
  {
    program: 'process_forked',
    hook: 'tp_btf/sched_process_fork',
    for: 'forks; a new process has its container at once',
    without: 'nothing is watched',
    serves: '',
  },
  {
    program: 'process_ended',
    hook: 'tp_btf/sched_process_exit',
    for: 'ends of processes, and calls that never return',
    without: 'nothing is watched',
    serves: '',
  },
  cgroups('mkdir'),
  cgroups('rmdir'),
  cgroups('attach_task'),
  {
    program: 'task_renamed',
    hook: 'tp_btf/task_rename',
    for: 'the name of a process before its exec',
    without: 'the name of a process before its exec is empty',
    serves: '',
  },
  {
    program: 'socket_state',
    hook: 'tp_btf/inet_sock_set_state',
    for: 'TCP connections, both ways',
    without: 'TCP connections are not seen',
    serves: CONNECTIONS,
  },
  {
    program: 'open_sockets',
    hook: 'iter/bpf_sk_storage_map',
    for: 'bytes of TCP connections while they are open',
    without: 'bytes of a TCP connection are counted only when it closes',
    serves: '',
  },
  {
    program: 'sockets_before',
    hook: 'iter/task_file',
    for: 'TCP connections from before the agent',
    without: 'what connections from before the agent carry is not counted',
    serves: '',
  },
  {
    program: 'capability_used',
    hook: 'tp_btf/cap_capable',
    for: 'capabilities that are used',
    without: 'which capabilities a container uses is not learnt (before Linux 6.14)',
    serves: '',
  },
  {
    program: 'ids_by_exec',
    hook: 'tp_btf/sched_process_exec',
    for: 'executables that give other ids',
    without: 'an exec that gives other ids is not told',
    serves: 'PR15 PR19',
  },
  {
    program: 'namespaces_by_fork',
    hook: 'tp_btf/sched_process_fork',
    for: 'children in new namespaces',
    without: 'namespaces made by clone are not told; those by unshare are',
    serves: 'PR02 PR03',
  },
  {
    program: 'signal_sent',
    hook: 'tp_btf/signal_generate',
    for: 'signals to processes of another container',
    without: 'signals to other containers are not told',
    serves: 'DE19',
  },
  {
    program: 'uring_submitted',
    hook: 'tp_btf/io_uring_submit_req',
    for: 'operations of io_uring, which no system call shows',
    without: 'what goes through io_uring is not seen',
    serves: 'EX17',
  },
  {
    program: 'oom_kill',
    hook: 'tp_btf/mark_victim',
    for: 'processes that were ended for want of memory',
    without: 'OOM kills are not told',
    serves: '',
  },
  {
    program: 'kill_on_exec',
    hook: 'tp_btf/sched_process_exec',
    for: 'kill on exec',
    without: 'a contained container can go on to execute programs',
    serves: '',
  },
  {
    program: 'deny_exec',
    hook: 'lsm/bprm_creds_for_exec',
    for: 'exec deny, while an order asks for it',
    without: 'what a contained container executes is killed as it starts, not refused',
    serves: '',
  },
  {
    program: 'packet_sent',
    hook: 'cgroup_skb/egress',
    for: 'UDP flows and DNS questions',
    without: 'UDP that is sent, and names that are asked for, are not seen',
    serves: 'CC02 CC07 CC09 CC10 CC18 IM04',
  },
  {
    program: 'packet_taken',
    hook: 'cgroup_skb/ingress',
    for: 'UDP flows and DNS answers',
    without: 'UDP that is received is not seen, and peers have no names',
    serves: 'CR14',
  },
  cut('packet_in', 'cgroup_skb/ingress', NO_DENY),
  cut('packet_out', 'cgroup_skb/egress', NO_DENY),
  cut('connect_v4', 'cgroup/connect4', NO_DENY),
  cut('connect_v6', 'cgroup/connect6', NO_DENY),
  cut('send_v4', 'cgroup/sendmsg4', NO_DENY),
  cut('send_v6', 'cgroup/sendmsg6', NO_DENY),
];

const idsOf = (row: HookRow): string[] => row.serves.split(' ').filter((id) => id !== '');

/** Behaviours that no attached hook serves any more, and some hook would. */
export function lostBehaviours(hooks: readonly Hook[]): string[] {
  const attached = new Set(hooks.filter(({ state }) => state === 'attached').map(({ program }) => program));
  const served = new Set(HOOKS.filter(({ program }) => attached.has(program)).flatMap(idsOf));
  return [...new Set(HOOKS.flatMap(idsOf))].filter((id) => !served.has(id)).sort();
}

/** One line for all hooks, one for what they cover, and one for each that is not attached. */
export function hookChecks(hooks: readonly Hook[]): Check[] {
  const attached = hooks.filter((hook) => hook.state === 'attached');
  return [
    ok('hooks', `${attached.length} of ${hooks.length} attached`),
    coverageCheck(hooks),
    ...hooks.filter((hook) => hook.state !== 'attached').map(missingHook),
  ];
}

function coverageCheck(hooks: readonly Hook[]): Check {
  const lost = lostBehaviours(hooks);
  const all = new Set(HOOKS.flatMap(idsOf)).size;
  const found = `data for ${all - lost.length} of ${Object.keys(BEHAVIOURS).length} known behaviours`;
  if (lost.length === 0) return ok('coverage', found);
  return {
    ...warn(
      'coverage',
      `${found}, ${lost.length} fewer than with every hook`,
      lost.map(named).join('; '),
      HOOK_ADVICE,
    ),
    coverage: lost,
  };
}

const named = (id: string): string => `${id} ${BEHAVIOURS[id] ?? ''}`;
const HOOK_ADVICE = 'use a kernel that offers it; 5.15 or later, not built without BPF tracing';

function missingHook(hook: Hook): Check {
  const row = HOOKS.find(({ program }) => program === hook.program);
  const ids = row === undefined ? [] : idsOf(row);
  const cost = `${row?.without ?? 'what it watches is not seen'}${ids.length > 0 ? ` (${ids.join(' ')})` : ''}`;
  const found = `${hook.state}${hook.reason ? `: ${hook.reason}` : ''}`;
  const make = hook.required ? fail : warn;
  return { ...make(`hook ${hook.name} ${hook.program}`, found, cost, HOOK_ADVICE), coverage: ids };
}
