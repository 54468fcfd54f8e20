/**
 * The kernel side as it is opened: before the rest of the agent is loaded, as both take as long, on a CPU each. So this file
 * imports little.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { systemClock } from '../kit/clock.ts';
import type { NativeAddon, Probe, ProbeOptions } from '../native/index.ts';
import { callIds } from './features/call-ids.ts';
import { countOwners } from './identity/cgroup.ts';
import type { AgentSettings } from './settings.ts';
import { type CgroupTree, findCgroups, listCgroups } from './source/cgroups.ts';
import { watchedNames } from './source/watched-names.ts';

type Take = (records: Buffer) => void;

/** From the kernel itself: `node:crypto` takes 8 ms to load, for which the programs would wait. */
function randomKey(): bigint {
  const key = Buffer.alloc(8);
  const random = openSync('/dev/urandom', 'r');
  try {
    if (readSync(random, key) !== key.length) throw new Error('/dev/urandom gave less than was asked for');
  } finally {
    closeSync(random);
  }
  return key.readBigUInt64LE();
}

function probeOptions(
  selfPid: number,
  settings: AgentSettings,
  { root, hierarchy }: CgroupTree,
): ProbeOptions {
  return {
    pinFolder: settings['pin-folder'],
    cgroupRoot: root,
    cgroupHierarchy: hierarchy,
    selfPid,
    urgentBytes: settings['urgent-bytes'],
    bulkBytes: settings['bulk-bytes'],
    bulkMs: settings['bulk-interval'],
    recordsPerSecond: settings['record-rate'],
    recordBurst: settings['record-burst'],
    slots: settings.slots,
    liveSlots: Math.min(settings.slots, countOwners(listCgroups(root).map(({ path }) => path))),
    flows: settings.flows,
    callIds: callIds(process.arch === 'arm64' ? 'arm64' : 'x64'),
    seenKey: randomKey(),
    watchedNames: watchedNames(settings),
    queueBatches: settings['queue-batches'],
  };
}

export class Opening {
  readonly addon: NativeAddon;
  readonly cgroups: CgroupTree;
  /** Before anything was seen. */
  readonly at: { readonly bootNs: bigint; readonly wallMs: number };
  /** Rejects when the kernel refuses the probes. */
  readonly probe: Promise<Probe>;
  /** Why alerts may wait for busy containers, or null. */
  readonly hurry: unknown = null;
  /** Why the kernel's programs cannot leave the agent's own activity out, or null. */
  readonly numberRefusal: string | null;
  #take: Take | null = null;
  /** From before there was who takes them; the addon's own queue bounds what may come in one turn of the loop. */
  readonly #early: Buffer[] = [];

  /** @throws when there is no cgroup hierarchy to know containers by. */
  constructor(addon: NativeAddon, settings: AgentSettings) {
    const clock = systemClock();
    this.at = { bootNs: clock.bootNs(), wallMs: clock.wallMs() };
    this.addon = addon;
    this.cgroups = findCgroups(settings['cgroup-version'], settings['cgroup-root']);
    try {
      addon.preferThreads(settings.nice);
    } catch (error) {
      this.hurry = error;
    }
    const own = addon.ownNumber();
    this.numberRefusal = own.refusal;
    this.probe = addon.openProbe(probeOptions(own.number, settings, this.cgroups), (records) => {
      if (this.#take === null) this.#early.push(records);
      else this.#take(records);
    });
    this.probe.catch(() => undefined); // who awaits it is told
  }

  /** Records from now on, those from before at once. */
  take(take: Take): void {
    this.#take = take;
    for (const records of this.#early.splice(0)) take(records);
  }

  /** For an agent that ends before it came to use it. Idempotent. */
  async close(): Promise<void> {
    const probe = await this.probe.catch(() => null);
    await probe?.close();
  }
}
