/** Containers that come, do one thing and go: those of Jobs, by what Kubernetes says owns them. */
import { type Identity, isNameless } from '../identity/container.ts';

const JOB = /^[^/]*\/[^/]*\/(?:CronJob|Job)\//;

/** Not the sandbox beside them, which does nothing and lives as long as the pod: it is no run. */
export const isJob = ({ workload }: Pick<Identity, 'workload'>): boolean =>
  JOB.test(workload) && !isNameless(workload);

/** `runs`: what is known of its runs, in words. */
export const explainJob = ({ workload }: Pick<Identity, 'workload'>, runs: string): string =>
  `It belongs to a run of the job ${workload}; ${runs}.`;
