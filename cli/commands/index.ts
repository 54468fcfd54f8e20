/** The commands in the order of the help. Each is loaded only when it is called: memory and start-up time. */
import type { Command } from '../command.ts';

interface Entry {
  readonly sentence: string;
  load(): Promise<Command>;
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  up: {
    sentence: 'agent and central together on this machine',
    load: async () => (await import('./up.ts')).up,
  },
  agent: { sentence: 'the node agent alone', load: async () => (await import('./agent.ts')).agent },
  central: { sentence: 'the aggregator alone', load: async () => (await import('./central.ts')).central },
  demo: {
    sentence: 'an attack on a sample shop, seen, contained and undone, in about a minute',
    load: async () => (await import('./demo.ts')).demo,
  },
  doctor: {
    sentence: 'what this machine allows, what is missing and what that costs',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  status: {
    sentence: 'the state of agent and central',
    load: async () => (await import('./status.ts')).status,
  },
  workloads: {
    sentence: 'what is watched: state, age, quality',
    load: async () => (await import('./workloads.ts')).workloads,
  },
  profile: {
    sentence: 'the baseline of a workload: show, diff, export, reset, pin',
    load: async () => (await import('./profile.ts')).profile,
  },
  models: {
    sentence: 'how the models of each workload fare, and which version of one speaks',
    load: async () => (await import('./models.ts')).models,
  },
  containers: {
    sentence: 'what runs, what it uses, how often it began anew',
    load: async () => (await import('./containers.ts')).containers,
  },
  rules: {
    sentence: 'the rules in force, and checking and trying your own',
    load: async () => (await import('./rules.ts')).rules,
  },
  alerts: { sentence: 'the alert log', load: async () => (await import('./alerts.ts')).alerts },
  incidents: {
    sentence: 'the incidents of central, or one with its story',
    load: async () => (await import('./incidents.ts')).incidents,
  },
  approve: {
    sentence: 'carry out the plan that an incident waits for',
    load: async () => (await import('./approve.ts')).approve,
  },
  contain: {
    sentence: 'cut a container off, for a time',
    load: async () => (await import('./contain.ts')).contain,
  },
  undo: { sentence: 'take a containment back', load: async () => (await import('./undo.ts')).undo },
  unpin: {
    sentence: 'end every containment of this node, before picket is removed from it',
    load: async () => (await import('./unpin.ts')).unpin,
  },
  feedback: {
    sentence: 'say whether an incident was real',
    load: async () => (await import('./feedback.ts')).feedback,
  },
  exceptions: {
    sentence: 'what people said is normal',
    load: async () => (await import('./exceptions.ts')).exceptions,
  },
  reranking: {
    sentence: 'the order of incidents as learnt from verdicts',
    load: async () => (await import('./reranking.ts')).reranking,
  },
  policy: {
    sentence: 'the policies in force',
    load: async () => (await import('./policy.ts')).policy,
  },
  token: {
    sentence: 'tokens of the People API: create, list, revoke',
    load: async () => (await import('./token.ts')).token,
  },
  notify: {
    sentence: 'who is told what, and a test message',
    load: async () => (await import('./notify.ts')).notify,
  },
  'dead-letters': {
    sentence: 'the notifications that were given up',
    load: async () => (await import('./dead-letters.ts')).deadLetters,
  },
  audit: {
    sentence: 'whether the record of what was done is whole',
    load: async () => (await import('./audit.ts')).audit,
  },
  record: {
    sentence: 'write everything the probes see to a file',
    load: async () => (await import('./record.ts')).record,
  },
  replay: {
    sentence: 'run a recording through the detectors again',
    load: async () => (await import('./replay.ts')).replay,
  },
  bench: {
    sentence: 'what the agent costs on this machine',
    load: async () => (await import('./bench.ts')).bench,
  },
  evaluate: {
    sentence: 'how good the detectors are on recorded data',
    load: async () => (await import('./evaluate.ts')).evaluate,
  },
};
