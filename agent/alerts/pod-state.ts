/** What is said of a pod that does not come up, or not stay up: no sign of an intruder by itself, and a reason for much else. */
import type { Trouble, TroubleKind } from '../identity/pod-states.ts';
import type { ContainerState } from '../identity/pods.ts';
import type { Verdict } from './judge.ts';

export const POD_STATE = 'pod-state';

const WORDS: Readonly<Record<TroubleKind, { readonly what: string; readonly next: string }>> = {
  'crash-loop': {
    what: 'ends again and again and is started anew each time',
    next: 'Read the log of the run before (`kubectl logs --previous`), and compare with what was rolled out last.',
  },
  'no-image': {
    what: 'has an image that cannot be had',
    next: 'Look at the name, the registry and its credentials (`kubectl describe pod`): who set the image?',
  },
  'no-start': {
    what: 'cannot be started as its pod wants it',
    next: 'Look at what it mounts and refers to, and at its command (`kubectl describe pod`).',
  },
  'out-of-memory': {
    what: 'was ended for want of memory',
    next: 'Compare its memory with its limit, and with what was asked of it.',
  },
};

/** How the run before ended, as words; empty: it is not known. */
export function endOf({ ended }: ContainerState): string {
  if (ended === null) return '';
  const after = ended.lifetimeMs === null ? '' : `, after ${(ended.lifetimeMs / 1000).toFixed(0)} s`;
  return `${ended.reason || 'Ended'}, exit ${ended.exitCode}${after}`;
}

/** The state as facts of what is told of the container; none of one that never was in trouble. */
export function podEvidence(state: ContainerState | null): Record<string, string> {
  if (state === null) return {};
  const end = endOf(state);
  return {
    ...(state.restarts === 0 ? {} : { pod_restarts: String(state.restarts) }),
    ...(state.waiting === '' ? {} : { pod_waiting: state.waiting }),
    ...(end === '' ? {} : { pod_last_end: end }),
  };
}

export function judgePodState({ kind, pod, state }: Trouble): Verdict {
  const { what, next } = WORDS[kind];
  const { namespace, workload } = pod;
  const whose = `${namespace}/${workload.kind}/${workload.name}/${state.container}`;
  const reason = [state.waiting, endOf(state)].filter((part) => part !== '').join('; ');
  const summary = `${whose} ${what}${reason === '' ? '' : `: ${reason}`}`;
  return {
    detector: POD_STATE,
    severity: 'low',
    score: 0.3,
    summary,
    subject: `${kind} ${whose}`,
    techniques: [],
    facts: {
      trouble: kind,
      pod: `${namespace}/${pod.name}`,
      pod_container: state.container,
      ...podEvidence(state),
    },
    explanation: `${POD_STATE}: ${summary}, as the kubelet says of pod ${pod.name}. It is told once until half an hour has passed without it.`,
    next,
    flags: false,
    withholds: false,
    bits: 0,
    kind: POD_STATE,
  };
}
