/** The agent's capabilities: with exactly these everything works, and each of them is needed for what is said of it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { CAPABILITIES } from '../../../cli/doctor/capabilities.ts';
import {
  atEnd,
  cleanUp,
  findCgroup2,
  inInitialPidNamespace,
  makeCgroup,
  pinFolder,
  skipReason,
} from '../kernel-fixtures.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const EVERYTHING = {
  probe: 'every hook',
  priority: '-10',
  containment: 'every hook',
  contain: 'done',
  kill: '0',
};
const ALL = CAPABILITIES.map(({ name }) => name);

const within = (capabilities: readonly string[]): string[] => {
  const set = ['-all', ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(',');
  return ['setpriv', '--bounding-set', set, '--inh-caps', '-all', '--ambient-caps', '-all'];
};

function said(command: readonly string[]): unknown {
  const [program = '', ...rest] = command;
  return JSON.parse(execFileSync(program, rest, { encoding: 'utf8' }));
}

/** What works with these as the whole bounding set. The bpffs is mounted before, as in a pod. */
function works(capabilities: readonly string[]): Record<string, string> {
  const pins = pinFolder();
  mkdirSync(pins);
  execFileSync('mount', ['-t', 'bpf', '-o', 'mode=0700', 'bpf', pins]);
  const cgroup = makeCgroup();
  const task = ['everything', `${pins}/own`, findCgroup2() ?? '', cgroup.path, String(cgroup.id)];
  atEnd(() => void execFileSync('rm', ['-rf', `${pins}/own`]));
  return said([...within(capabilities), process.execPath, child, ...task]) as Record<string, string>;
}

describe.skipIf(skipReason('capabilities') !== null)('capabilities', () => {
  afterEach(cleanUp);

  it('everything works with these and no other', () => {
    expect(works(ALL)).toEqual(EVERYTHING);
  });

  it.each([
    ['SYS_NICE', { ...EVERYTHING, priority: 'PICKET_PRIORITY' }],
    ['BPF', { probe: 'PICKET_BPF_REFUSED', containment: 'PICKET_BPF_REFUSED' }],
    // The programs of a containment need it since they take lists of peers.
    [
      'PERFMON',
      {
        probe: 'PICKET_BPF_REFUSED',
        containment: 'kill_on_exec packet_in packet_out connect_v4 connect_v6 send_v4 send_v6',
        contain: 'PICKET_BPF_REFUSED',
      },
    ],
    [
      'NET_ADMIN',
      {
        probe: 'packet_sent packet_taken',
        containment: 'connect_v4 connect_v6 send_v4 send_v6',
        contain: 'PICKET_BPF_REFUSED',
      },
    ],
  ])('without %s something is refused', (name, left) => {
    expect(ALL).toContain(name);
    expect(works(ALL.filter((other) => other !== name))).toEqual({ priority: '-10', kill: '0', ...left });
  });

  it('the number of its own is known without them in the first pid namespace, and elsewhere it says why not', () => {
    const asked = [...within([]), process.execPath, child, 'ownNumber'];
    const unknown = { number: 0, refusal: 'loading a program: Operation not permitted' };
    const here = said(asked) as { pid: number };
    expect(here).toMatchObject(inInitialPidNamespace() ? { number: here.pid, refusal: null } : unknown);
    expect(said(['unshare', '--pid', '--fork', '--kill-child', ...asked])).toMatchObject(unknown);
  });
});
