/** Containment on this machine: the kernel's programs, and the leases that use them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Containments, canaryPath, type NativeAddon, type NativeError } from '../native/index.ts';
import { dnsServers } from './contain/dns-servers.ts';
import { freezerGroups, freezerMount, type Groups, unifiedGroups } from './contain/groups.ts';
import { Leases, type LeasesParts } from './contain/leases.ts';
import { nodeAddresses } from './contain/node-addresses.ts';
import type { Context } from './context.ts';
import { type CgroupTree, ownCgroup } from './source/cgroups.ts';

type Kernel = Pick<Containments, 'contain' | 'release' | 'list' | 'hooks' | 'execDenyRefusal'>;
/** What leases need of the rest of the agent. */
export type ContainmentParts = Pick<LeasesParts, 'verifier' | 'live' | 'report'>;

const ADDRESSES_MS = 60_000;

/** Takes no orders: where nothing can be contained. */
const NOTHING_CONTAINED: Kernel = {
  contain: () => {
    throw new Error('network and programs cannot be contained here');
  },
  release: () => false,
  list: () => [],
  hooks: [],
  execDenyRefusal: null,
};
const NOT_TRIED = (): Promise<never> => Promise.reject(new Error('no addon'));

interface On {
  readonly root: string;
  readonly own: string;
  readonly groups: Groups | null;
  readonly tryInside?: LeasesParts['tryInside'];
  readonly tryPeers?: LeasesParts['tryPeers'];
  readonly tryExec?: LeasesParts['tryExec'];
}

const V1 = {
  code: 'PICKET_CGROUP',
  message:
    'containers are known by cgroup v1, to which no network program can be attached; they can be frozen and killed',
};

export class Containment {
  leases: Leases;
  kernel: Containments | null = null;
  /** Why there is none, or null. */
  refusal: { readonly code: string; readonly message: string } | null = null;
  private readonly context: Context;
  private readonly parts: ContainmentParts;

  constructor(context: Context, parts: ContainmentParts) {
    this.context = context;
    this.parts = parts;
    this.leases = this.leasesOn(NOTHING_CONTAINED, {
      root: '',
      own: '/',
      groups: null,
      tryInside: NOT_TRIED,
    });
  }

  /** Without it the agent still watches; orders are then refused, and the reason stands in the log and in the status. */
  async open(addon: NativeAddon, { version, root }: CgroupTree): Promise<void> {
    const { settings, log, lifetime } = this.context;
    if (!settings.containment) return;
    const own = ownCgroup();
    if (version === 1) {
      this.refusal = V1;
      log.warn(V1.message);
      const mount = freezerMount(readFileSync('/proc/self/mounts', 'utf8'));
      if (mount !== null) await this.take(NOTHING_CONTAINED, { root, own, groups: freezerGroups(mount) });
      return;
    }
    let kernel: Containments;
    try {
      kernel = addon.openContainments({ pinFolder: settings['pin-folder'], cgroupRoot: root });
    } catch (error) {
      const { code, message } = error as NativeError;
      this.refusal = { code, message };
      log.error({ err: error }, 'containment is not available');
      return;
    }
    this.kernel = kernel;
    lifetime.atEnd(() => kernel.close());
    const tellAddresses = (): void => kernel.setNodeAddresses(nodeAddresses());
    tellAddresses();
    lifetime.repeat(ADDRESSES_MS, tellAddresses);
    await this.take(kernel, {
      root,
      own,
      groups: unifiedGroups(root),
      tryInside: (at) => addon.tryInside(at),
      tryPeers: (at) => addon.tryPeers(at),
      tryExec: (at) => addon.tryExec({ ...at, program: canaryPath() }),
    });
  }

  private async take(kernel: Kernel, on: On): Promise<void> {
    this.leases = this.leasesOn(kernel, on);
    await this.leases.restore();
    this.context.lifetime.atEnd(() => this.leases.stop());
  }

  private leasesOn(
    kernel: Kernel,
    { root, own, groups, tryInside = NOT_TRIED, tryPeers = NOT_TRIED, tryExec = NOT_TRIED }: On,
  ): Leases {
    const { folder, boot, clock, settings, log, lifetime } = this.context;
    return new Leases({
      ...this.parts,
      path: join(folder, 'leases.json'),
      boot,
      clock,
      containments: kernel,
      cgroupRoot: root,
      ownCgroup: own,
      groups,
      tryInside,
      tryPeers,
      tryExec,
      dnsServers: () => dnsServers(settings['dns-servers']),
      enabled: settings.containment && (kernel !== NOTHING_CONTAINED || groups !== null),
      log: (message, facts) => log.info(facts, message),
      onError: lifetime.onError,
    });
  }
}
