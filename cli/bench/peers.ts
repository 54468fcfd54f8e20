/**
 * What others cost on the same kind of load: ratio of CPU time per iteration with to without, median of 7 pairs
 * (floor: 9), taken in one sitting on a 2 vCPU AMD EPYC guest, Linux 6.18, Debian 12. Another machine gives other
 * figures: quote them beside, not against, what is measured here.
 */
export interface Peer {
  readonly name: string;
  readonly getppid: number;
  readonly file: number;
}

export const PEERS: readonly Peer[] = [
  { name: 'floor: counts + bigrams, no user space', getppid: 1.79, file: 1.15 },
  { name: 'Falco 0.44.1, shipped configuration', getppid: 1.75, file: 1.79 },
  { name: 'Falco 0.44.1, all system calls', getppid: 2.66, file: 1.98 },
  { name: 'bpftrace 0.17, count by cgroup and call', getppid: 3.04, file: 1.46 },
  { name: 'auditd 3.0.9', getppid: 2.78, file: 1.63 },
];
