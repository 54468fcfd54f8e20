/** Containers that come, do one thing and go: those of Jobs, by what Kubernetes says owns them. */
import type { Identity } from '../identity/container.ts';

const JOB = /^[^/]*\/[^/]*\/(?:CronJob|Job)\//;

export const isJob = ({ workload }: Pick<Identity, 'workload'>): boolean => JOB.test(workload);

/** `runs`: what is known of its runs, in words. */
export const explainJob = ({ workload }: Pick<Identity, 'workload'>, runs: string): string =>
  `It belongs to a run of the job ${workload}; ${runs}.`;
