/**
 * What others cost, as cells of the table: taken in one sitting on a guest of 2 vCPU AMD EPYC, Linux 6.18, Debian 12, with
 * loads of the same calls. "× none" is the median of 7 ratios of CPU time per iteration to a run without any agent, the
 * floor's among them; macro loads are ratios of throughput, medians of 5. Falco 0.44.1 with its shipped configuration, and
 * with all system calls selected, which comes nearest to what is counted here; bpftrace 0.17 counting by cgroup and call;
 * auditd 3.0.9. Another machine gives other figures: read them beside, not against, what is measured here.
 */
import type { LoadName } from './load.ts';

export const OF_CALLS: Readonly<Record<LoadName, string>> = {
  getppid: 'floor 1.76, Falco 1.75, all calls 2.66, bpftrace 3.04, auditd 2.78 × none',
  file: 'floor 1.18, Falco 1.79, all calls 1.98, bpftrace 1.46, auditd 1.63 × none',
  pipe: 'floor 1.16, Falco 1.18, all calls 1.64, bpftrace 1.37, auditd 1.29 × none',
  udp: 'floor 1.09, Falco 1.73, all calls 1.74, bpftrace 1.21, auditd 1.19 × none',
  'tcp-connect': 'floor 1.03, Falco 1.19, all calls 1.21, bpftrace 1.07, auditd 1.64 × none',
  exec: 'floor 1.04, Falco 1.08, all calls 1.12, bpftrace 1.05, auditd 1.10 × none',
};

export const OF_SATURATION = 'Falco lost 17–32 % at 300 k/s of file; the floor lost nothing';

export const OF_LAG = {
  idle: 'Falco 7.5–12 ms, max 30; a woken C reader 0.5, max 2.2',
  saturated: 'Falco 203–219 ms, max 372, 9 of 60 missed; a woken C reader 0.9, max 3.7',
} as const;

export const OF_REST = {
  memory: 'RSS: Falco 57–66 MB, bpftrace 88–100 MB, Node alone 41 MB',
  cpu: 'Falco 0.8 %, all calls 4.7 %',
  start: 'CPU in the first 4 s: Falco 1.55 s, floor 0.09 s',
} as const;

export const OF_MACRO = {
  'redis get': 'throughput: floor 0.90, Falco 0.74, all calls 0.71, bpftrace 0.67 × none',
  'nginx keep-alive': 'throughput: floor 0.87, Falco 0.71, all calls 0.71, bpftrace 0.76 × none',
  'nginx close': 'throughput: floor 0.93, Falco 0.86, all calls 0.74, bpftrace 0.94 × none',
} as const;
