/** Takes containment off this node, as before picket is removed from it: what is pinned, and the leases it stands on. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findCgroups } from '../../agent/source/cgroups.ts';
import { loadAddon } from '../../native/index.ts';
import { EXIT } from '../args.ts';
import { type Call, type Command, toJson } from '../command.ts';
import { pins } from '../doctor/cgroups.ts';

async function run(call: Call): Promise<number> {
  const { values } = call;
  const folder = values['pin-folder'];
  // First: an agent that began in between would take them up again.
  rmSync(join(values['state-folder'], 'agent', 'leases.json'), { force: true });
  let ended = 0;
  // Opening would install the programs where none are.
  if (pins(folder).length > 0) {
    const tree = findCgroups(values['cgroup-version'], values['cgroup-root']);
    const containments = loadAddon().openContainments({ pinFolder: folder, cgroupRoot: tree.root });
    ended = containments.list().length;
    containments.remove();
  }
  call.io.out(
    call.json
      ? `${toJson({ folder, ended })}\n`
      : `nothing of picket is pinned in ${folder}; ${ended} containments ended\n`,
  );
  return EXIT.ok;
}

export const unpin: Command = {
  name: 'unpin',
  takes: [],
  sentence:
    'Ends every containment on this node and takes what is pinned off its kernel. Stop the agent first.',
  flags: {},
  settings: 'agent',
  examples: ['sudo picket unpin'],
  run,
};
