/** Containment on this machine: the kernel's programs, and the leases that use them. */
import { join } from 'node:path';
import type { Containments, NativeAddon, NativeError } from '../native/index.ts';
import { Leases, type LeasesParts } from './contain/leases.ts';
import { nodeAddresses } from './contain/node-addresses.ts';
import type { Context } from './context.ts';
import { type CgroupTree, ownCgroup } from './source/cgroups.ts';

type Kernel = Pick<Containments, 'contain' | 'release' | 'list'>;
/** What leases need of the rest of the agent. */
export type ContainmentParts = Pick<LeasesParts, 'verifier' | 'live' | 'report'>;

const ADDRESSES_MS = 60_000;

/** Takes no orders: where nothing can be contained. */
const NOTHING_CONTAINED: Kernel = {
  contain: () => {
    throw new Error('containment is not available here');
  },
  release: () => false,
  list: () => [],
};

const V1 = {
  code: 'PICKET_CGROUP',
  message: 'containers are known by cgroup v1, to which no network program can be attached',
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
    this.leases = this.leasesOn(NOTHING_CONTAINED, '', '/');
  }

  /** Without it the agent still watches; orders are then refused, and the reason stands in the log and in the status. */
  async open(addon: NativeAddon, { version, root }: CgroupTree): Promise<void> {
    const { settings, log, lifetime } = this.context;
    if (!settings.containment) return;
    if (version === 1) {
      this.refusal = V1;
      log.warn(V1.message);
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
    this.leases = this.leasesOn(kernel, root, ownCgroup());
    await this.leases.restore();
    lifetime.atEnd(() => this.leases.stop());
  }

  private leasesOn(kernel: Kernel, cgroupRoot: string, ownPath: string): Leases {
    const { folder, boot, clock, settings, log, lifetime } = this.context;
    return new Leases({
      ...this.parts,
      path: join(folder, 'leases.json'),
      boot,
      clock,
      containments: kernel,
      cgroupRoot,
      ownCgroup: ownPath,
      enabled: settings.containment && kernel !== NOTHING_CONTAINED,
      log: (message, facts) => log.info(facts, message),
      onError: lifetime.onError,
    });
  }
}
