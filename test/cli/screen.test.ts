/** The first screen: what a person reads after `npm start`. */
import { expect, test } from 'vitest';
import { firstScreen, learningLine, type ScreenFacts } from '../../cli/up/screen.ts';

const rest = { starts: 0, incomplete: 0, withheld: 0, guarding: 0, pairs: 0, suspects: 0 };
const facts: ScreenFacts = {
  status: {
    node: 'n1',
    cluster: 'local',
    hooks: [
      { name: 'tp_btf/sched_process_exec', state: 'attached', reason: null },
      { name: 'tp_btf/cgroup_mkdir', state: 'refused', reason: 'not in this kernel' },
    ],
  },
  workloads: [
    { workload: 'local/-/Node/n1/host', state: 'young', periods: 9, containers: 1, ...rest },
    { workload: 'local/demo/Deployment/web/web', state: 'young', periods: 9, containers: 2, ...rest },
    {
      workload: 'local/-/Service/ssh.service/ssh.service',
      state: 'learning',
      periods: 4,
      containers: 1,
      ...rest,
    },
  ],
  alertLog: '/var/lib/picket/agent/alerts.ndjson',
  apiUrl: 'https://127.0.0.1:7444',
  stateFolder: '/var/lib/picket',
  logFolder: '/var/lib/picket/logs',
  learnWindows: 6,
  windowMs: 5000,
  modes: [],
  recorded: null,
  command: 'node cli/picket.mjs',
};

test('says what was found, what is missing, how far learning is, where things are and what to try', () => {
  expect(firstScreen(facts)).toBe(`picket is running on this machine.

Hooks      1 of 2 attached; missing:
             tp_btf/cgroup_mkdir (not in this kernel): picket doctor says what that costs
Watching   the host, and 2 workloads in 3 containers or services:
  WORKLOAD                                 CONTAINERS  STATE
  local/-/Node/n1/host                     1           young
  local/demo/Deployment/web/web            2           young
  local/-/Service/ssh.service/ssh.service  1           learning 4 of 6
Learning   2 of 3 workloads learnt, about 10 s to go
Policy     observe: alerts and incidents, nothing is cut off unless a person says so

Alert log  /var/lib/picket/agent/alerts.ndjson
API        https://127.0.0.1:7444 (token in /var/lib/picket/central/api-token)
Logs       /var/lib/picket/logs

Try next, in another terminal:
  sudo npm run demo                     an attack on a sample shop: seen, contained, undone
  sudo node cli/picket.mjs status
  sudo node cli/picket.mjs workloads
  sudo node cli/picket.mjs incidents
  sudo sh -c 'cat /etc/shadow > /dev/null'   a read of a sensitive file: shows below within a moment
`);
});

test('says that a recording is shown, and why, in place of the hooks', () => {
  const screen = firstScreen({ ...facts, recorded: "this machine's kernel refuses the probes: no BTF" });

  expect(screen).toContain("Recorded   this machine's kernel refuses the probes: no BTF\n");
  expect(screen).not.toContain('Hooks');
});

test('names the strongest policy mode that is in force', () => {
  expect(firstScreen({ ...facts, modes: ['observe', 'enforce', 'ask'] })).toContain(
    'Policy     enforce, as the policy files say\n',
  );
});

test('tells nothing to wait for once everything is learnt', () => {
  const workloads = facts.workloads.map((each) => ({ ...each, state: 'mature' as const }));
  expect(learningLine({ ...facts, workloads })).toBe('Learning   3 of 3 workloads learnt');
});
