/** What happened on the node: the decoded form of the records of native/records.h. */

/** A process as the kernel names it; (pid, start) is unique within one boot. */
export interface Process {
  /** Thread group id in the initial namespace; 0 where no process is known (accepted connections). */
  readonly pid: number;
  /** CLOCK_BOOTTIME, ns. */
  readonly start: bigint;
  readonly parentPid: number;
  readonly parentStart: bigint;
  readonly uid: number;
}

interface EventBase {
  /** CLOCK_BOOTTIME, ns; with cpu unique within one boot. */
  readonly time: bigint;
  readonly cpu: number;
  readonly slot: number;
  /** cgroup2 id. */
  readonly cgroup: number;
  readonly process: Process;
}

export interface ExecEvent extends EventBase {
  readonly kind: 'exec';
  /** Executable, root first; begins with `…/` when names at the root end were left off. */
  readonly path: string;
  /** Last name of the path. */
  readonly exe: string;
  readonly pathCut: boolean;
  readonly memfd: boolean;
  readonly deleted: boolean;
  readonly args: readonly string[];
  readonly argsCut: boolean;
  /** Bytes of the whole argument vector. */
  readonly argsTotal: number;
  readonly parentExe: string;
  readonly comm: string;
  readonly inode: bigint;
  readonly device: bigint;
}

export interface ExitEvent extends EventBase {
  readonly kind: 'exit';
  /** As in wait(2). */
  readonly status: number;
}

export interface OpenEvent extends EventBase {
  readonly kind: 'open';
  readonly path: string;
  readonly pathCut: boolean;
  /** Opened so that it can be changed. */
  readonly write: boolean;
  /** File name of the caller's executable. */
  readonly exe: string;
}

export interface FlowEvent extends EventBase {
  readonly kind: 'flow';
  readonly direction: 'connect' | 'accept';
  /** Peer's address as text, IPv4-mapped IPv6 as IPv4. */
  readonly peer: string;
  /** connect: the peer's port; accept: our own. */
  readonly port: number;
  /** connect: file name of the caller's executable; accept: empty. */
  readonly exe: string;
}

export interface CgroupEvent extends EventBase {
  readonly kind: 'cgroup';
  readonly change: 'made' | 'removed';
  /** Below the cgroup2 mount point; null when the kernel side did not know it. */
  readonly path: string | null;
}

export interface DeniedEvent extends EventBase {
  readonly kind: 'denied';
  readonly what: 'connect' | 'send' | 'exec';
  /** Empty for exec. */
  readonly peer: string;
  readonly port: number;
}

export type Event = ExecEvent | ExitEvent | OpenEvent | FlowEvent | CgroupEvent | DeniedEvent;

/** One entry of the kernel's flow map, read at the end of a window. */
export interface Flow {
  readonly slot: number;
  readonly cgroup: number;
  readonly direction: 'connect' | 'accept';
  readonly peer: string;
  readonly port: number;
  readonly opened: number;
  readonly attempts: number;
  readonly failures: number;
  /** CLOCK_BOOTTIME, ns. */
  readonly first: bigint;
  readonly last: bigint;
}
