/** What happened on the node: the decoded form of the records of native/records.h. */

import type { Oddity } from './dns-message.ts';

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

/** What a descriptor of a new program is; `unix`: a socket of this machine, `network`: one that may reach others. */
export type Stream = 'closed' | 'file' | 'device' | 'terminal' | 'pipe' | 'unix' | 'network' | 'other';

export interface ExecEvent extends EventBase {
  readonly kind: 'exec';
  /** Executable, root first; begins with `…/` when names at the root end were left off. */
  readonly path: string;
  /** Last name of the path. */
  readonly exe: string;
  readonly pathCut: boolean;
  readonly memfd: boolean;
  readonly deleted: boolean;
  /** Made or changed since the container was made. */
  readonly upper: boolean;
  /** Of a script, its name as the caller gave it, which may lie; `path` is its interpreter's. Null for a program. */
  readonly script: string | null;
  /** All arguments, or with `argsCut` those of the head, of which the last may be cut. */
  readonly args: readonly string[];
  /** With `argsCut` those of the tail, of which the first may be cut. */
  readonly argsTail: readonly string[];
  readonly argsCut: boolean;
  readonly argsCount: number;
  /** Bytes of the whole argument vector. */
  readonly argsTotal: number;
  /** Of the whole argument vector, with a key that lasts as long as the boot. */
  readonly argsHash: bigint;
  /** It is of the first 256 KiB only, or 0. */
  readonly argsHashCut: boolean;
  /** The process's number in its own pid namespace. */
  readonly innerPid: number;
  readonly stdin: Stream;
  readonly stdout: Stream;
  readonly stderr: Stream;
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
  /** What was in it is gone. */
  readonly truncated: boolean;
  /** File name of the caller's executable. */
  readonly exe: string;
}

/** Between whom, and who began. */
export interface FlowEnds {
  readonly protocol: 'tcp' | 'udp';
  /** UDP: by who sent first. */
  readonly direction: 'connect' | 'accept';
  /** Peer's address as text, IPv4-mapped IPv6 as IPv4. */
  readonly peer: string;
  /** connect: the peer's port; accept: our own. */
  readonly port: number;
}

export interface FlowEvent extends EventBase, FlowEnds {
  readonly kind: 'flow';
  /** connect: file name of the caller's executable; accept: empty. */
  readonly exe: string;
}

export interface CgroupEvent extends EventBase {
  readonly kind: 'cgroup';
  readonly change: 'made' | 'removed';
  /** Below the cgroup2 mount point; null when the kernel side did not know it. */
  readonly path: string | null;
  /** It was made at this time; else it may have been there before and acted only now. */
  readonly isNew: boolean;
}

export interface DeniedEvent extends EventBase {
  readonly kind: 'denied';
  readonly what: 'connect' | 'send' | 'exec';
  /** Empty for exec. */
  readonly peer: string;
  readonly port: number;
}

/** What changes what a process is, sees or may do; each is explained at `enum action` of native/records.h. */
export type Action =
  | 'set-id'
  | 'capset'
  | 'ptrace'
  | 'vm-read'
  | 'vm-write'
  | 'mount'
  | 'umount'
  | 'move-mount'
  | 'fsmount'
  | 'open-tree'
  | 'pivot-root'
  | 'chroot'
  | 'unshare'
  | 'setns'
  | 'clone-ns'
  | 'module-load'
  | 'module-unload'
  | 'bpf-load'
  | 'perf-open'
  | 'memfd'
  | 'write-exec'
  | 'make-exec'
  | 'raw-socket'
  | 'socket-use'
  | 'signal'
  | 'uring-setup'
  | 'uring-op'
  | 'oom-kill'
  | 'open-handle'
  | 'take-fd'
  | 'kexec'
  | 'exec-id'
  | 'exec-caps'
  | 'stolen-id'
  | 'rename'
  | 'link'
  | 'symlink'
  | 'unlink'
  | 'chmod'
  | 'chown'
  | 'truncate'
  | 'setxattr'
  | 'make-device'
  | 'mount-attr'
  | 'personality'
  | 'userfault'
  | 'kernel-socket'
  | 'io-ports'
  | 'open-failed';

export interface ActionEvent extends EventBase {
  readonly kind: 'action';
  readonly action: Action;
  /** Number of the system call; null where a kernel object told it. */
  readonly call: number | null;
  /** The number is of the 32-bit numbering. */
  readonly compat: boolean;
  readonly result: bigint;
  /** It was tried and not allowed. */
  readonly refused: boolean;
  readonly args: readonly [bigint, bigint, bigint, bigint];
  /** The other process, where there is one. `slot` is 0 when not known. */
  readonly target: { readonly pid: number; readonly start: bigint; readonly slot: number } | null;
  /** File name of the caller's executable; of an OOM kill, the victim's. */
  readonly exe: string;
  /** Of the target's executable, a namespace's type, a program, a memory file; empty where there is none. */
  readonly name: string;
  readonly path: string;
  readonly pathCut: boolean;
  /** Name or path are the caller's words, which may lie. */
  readonly claimed: boolean;
}

/** A pair of system calls of one thread that its slot, in guard mode, did not know. */
export interface PairEvent extends EventBase {
  readonly kind: 'pair';
  readonly tid: number;
  /** Numbers of the calls, as in the counts of a slot. */
  readonly previous: number;
  readonly current: number;
}

/** What a slot did that was not in its set of what it had done. */
export interface NovelEvent extends EventBase {
  readonly kind: 'novel';
  readonly what: 'folder-read' | 'folder-write' | 'library' | 'capability' | 'listen';
  /** Its fingerprint in the kernel's set; the same for the same thing, as long as the probe runs. */
  readonly key: bigint;
  /** Of the folder or library; empty for others. */
  readonly path: string;
  readonly pathCut: boolean;
  /** The library is a memory file; the path had no name any more. */
  readonly memfd: boolean;
  readonly deleted: boolean;
  /** Its number, of a capability. */
  readonly capability: number;
  /** Of a listener; empty for others. */
  readonly protocol: 'tcp' | 'udp' | '';
  readonly port: number;
  /** File name of the caller's executable. */
  readonly exe: string;
}

/** A DNS question of a client, or an answer, over UDP. */
export interface DnsEvent extends EventBase {
  readonly kind: 'dns';
  /** `unasked`: this socket has not asked this server just that, so nothing that it says is to be believed. */
  readonly what: 'question' | 'answer' | 'unasked';
  readonly server: string;
  readonly port: number;
  readonly ownPort: number;
  readonly id: number;
  /** Lower case, without the last dot; empty: the root, or what could not be read. */
  readonly name: string;
  /** Such as `A`. */
  readonly type: string;
  /** Of an answer: `ok`, `no-such-name`; of a question empty. */
  readonly code: string;
  readonly addresses: readonly { readonly address: string; readonly ttlS: number }[];
  /** Names that the name stands for. */
  readonly aliases: readonly string[];
  /** Of the whole message. */
  readonly bytes: number;
  /** Only its first bytes were read. */
  readonly cut: boolean;
  /** It is no message as it must be. */
  readonly odd: Oddity | null;
  /** Question: file name of the asker's executable. */
  readonly exe: string;
}

export type Event =
  | ExecEvent
  | ExitEvent
  | OpenEvent
  | FlowEvent
  | CgroupEvent
  | DeniedEvent
  | ActionEvent
  | PairEvent
  | NovelEvent
  | DnsEvent;

/** One entry of the kernel's flow map, read at the end of a window. */
export interface Flow extends FlowEnds {
  readonly slot: number;
  readonly cgroup: number;
  /** UDP: peers first heard of. */
  readonly opened: number;
  /** Connects; of UDP to port 53, questions. */
  readonly attempts: number;
  /** Connects that did not reach the peer; of UDP to port 53, answers that say there is none. */
  readonly failures: number;
  /** CLOCK_BOOTTIME, ns. */
  readonly first: bigint;
  readonly last: bigint;
  /** Payload. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** TCP segments, also empty ones; UDP datagrams. */
  readonly segmentsIn: number;
  readonly segmentsOut: number;
}
