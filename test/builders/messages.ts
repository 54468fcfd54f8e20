/** One message of each kind with every field set to something that is not its default. */
import type {
  Frame,
  Input,
  Order,
  Reply,
  Resources,
  SignedOrder,
  Summary,
  WorkloadSketches,
} from '../../wire/index.ts';

export const order: Order = {
  id: 'ord-1',
  cluster: 'local',
  node: 'node-a',
  kind: 'contain',
  target: {
    podUid: '4c1f0a52-0b7e-4b6e-9d5d-8c1b2a3d4e5f',
    containerName: 'web',
    containerId: 'a'.repeat(64),
    workload: 'local/shop/Deployment/web/web',
  },
  networkDeny: true,
  killOnExec: true,
  cutProbes: true,
  leaseMs: 600_000,
  notAfterMs: 1_800_000_600_000,
  reason: 'a shell read a secret and called out',
  actor: 'policy:shop',
  incident: 'inc-1',
  releases: 'ord-0',
  issuedMs: 1_800_000_000_000,
};

export const signedOrder: SignedOrder = {
  payload: Buffer.from('payload'),
  keyId: 'key-1',
  signature: Buffer.alloc(64, 9),
};

export const reply: Reply = {
  schema: 1,
  sequence: 7,
  duplicate: true,
  paceMs: 2000,
  orders: [signedOrder],
};

/** Counters that are 0 and values that are not known are two things. */
export const resources: Resources = {
  cpuUs: 2 ** 40,
  throttledUs: 0,
  throttledPeriods: 1,
  oomKills: 0,
  readBytes: 4096,
  writeBytes: null,
  reads: 2,
  writes: null,
  cpuSomeUs: 3,
  cpuFullUs: 4,
  memorySomeUs: 5,
  memoryFullUs: 6,
  ioSomeUs: 7,
  ioFullUs: null,
  memoryBytes: 8,
  workingSetBytes: 9,
  memoryLimitBytes: null,
  pids: 10,
  pidsLimit: 11,
};

/** Fields that came after version 1 was released: what it wrote does not have them. */
export const LATER: ReadonlySet<string> = new Set(['life', 'resources', 'oomKills', 'losses', 'sketches']);

export const workloadSketches: WorkloadSketches = {
  workload: 'local/shop/Deployment/web/web',
  startNs: 1_000_000_000n,
  endNs: 301_000_000_000n,
  sketches: [
    {
      what: 'peers',
      kind: 'cardinality',
      version: 1,
      params: 'hll,p=12,bits=64',
      key: 'hash-0123456789abcdef',
      bytes: Buffer.of(0, 16, 3),
    },
  ],
};

export const summary: Summary = {
  schema: 1,
  cluster: 'local',
  node: 'node-a',
  boot: '0b9f5a1e-7a44-4c0c-9f6e-3a1f2b4c5d6e',
  sequence: 7,
  clock: { bootNs: 9_007_199_254_740_993n, wallMs: 1_800_000_000_000 },
  containers: [
    {
      id: 'a'.repeat(64),
      name: 'web',
      podUid: '4c1f0a52-0b7e-4b6e-9d5d-8c1b2a3d4e5f',
      pod: 'web-6d4cf56db6-abcde',
      namespace: 'shop',
      workload: 'local/shop/Deployment/web/web',
      image: 'registry.example/web:1',
      imageDigest: `sha256:${'b'.repeat(64)}`,
      cgroup: 4242,
      runtime: 'containerd',
      life: { restarts: 3, lastLifetimeMs: 4500, lastStatus: 0, lastOom: true },
    },
  ],
  windows: [
    {
      container: 'a'.repeat(64),
      workload: 'local/shop/Deployment/web/web',
      startNs: 1_000_000_000n,
      endNs: 6_000_000_000n,
      syscalls: 1000,
      distinctSyscalls: 12,
      execs: 1,
      forks: 2,
      exits: 3,
      connects: 4,
      accepts: 5,
      failures: 6,
      newFacts: 7,
      newPairs: 0,
      mode: '',
      lost: 8,
      state: 'mature',
      resources,
      oomKills: 9,
      losses: { 'throttled/open': 8 },
    },
  ],
  detections: [
    {
      id: 'det-1',
      detector: 'rarity',
      severity: 'high',
      score: 0.75,
      timeNs: 5_000_000_000n,
      wallMs: 1_800_000_000_001,
      container: 'a'.repeat(64),
      workload: 'local/shop/Deployment/web/web',
      pid: 4711,
      processStartNs: 4_000_000_000n,
      summary: 'web started /bin/sh, which it has never done.',
      alert: 'alr-1',
      techniques: ['T1059.004'],
      facts: { exe: '/bin/sh' },
    },
  ],
  alerts: [
    {
      id: 'alr-1',
      severity: 'high',
      score: 0.75,
      firstNs: 5_000_000_000n,
      lastNs: 6_000_000_000n,
      firstWallMs: 1_800_000_000_001,
      lastWallMs: 1_800_000_001_001,
      container: 'a'.repeat(64),
      workload: 'local/shop/Deployment/web/web',
      title: 'web does what it never did',
      explanation: ['It started a shell.'],
      detectors: ['rarity'],
      techniques: ['T1059.004'],
      count: 2,
      revision: 3,
      quality: 'complete',
    },
  ],
  orderReports: [
    { order: 'ord-1', state: 'applied', detail: 'ok', wallMs: 1_800_000_000_002, untilMs: 1_800_000_600_000 },
  ],
  sketches: [workloadSketches],
  health: {
    version: '0.1.0',
    uptimeMs: 1000,
    lost: { 'urgent-full': 3 },
    spooledBytes: 100,
    spoolDropped: 1,
    rssBytes: 60_000_000,
    hooksMissing: ['lsm/bprm_check_security'],
  },
};

export const frame: Input<Frame> = {
  tick: {
    bootNs: 9_007_199_254_740_993n,
    wallMs: 1_800_000_000_000,
    slots: [
      {
        slot: 2,
        cgroup: 4242,
        numbers: [0, 1, 257],
        counts: [10, 20, 2 ** 40],
        forks: 1,
        execs: 2,
        exits: 3,
        lost: 4,
        compatNumbers: [],
        compatCounts: [],
        pairs: [],
        losses: {},
      },
    ],
    flows: Buffer.from('flow entries'),
    lost: { 'bulk-full': 5 },
  },
};
