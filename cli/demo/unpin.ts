/** Pinned containment outlives its agent on purpose; what was pinned for a demo, a measurement or a test must not. */
import { rmSync } from 'node:fs';
import { cgroup2Root } from './cgroups.ts';

/** Takes the pinned programs and maps of a folder off the node; containments in it end. */
export async function unpin(pinFolder: string): Promise<void> {
  const { loadAddon } = await import('../../native/index.ts');
  const containments = loadAddon().openContainments({ pinFolder, cgroupRoot: cgroup2Root() ?? '' });
  containments.remove();
  containments.close();
  rmSync(pinFolder, { recursive: true, force: true });
}
