/**
 * Writes everything the probes see to a file. It opens a probe of its own, beside that of a running agent: each has its
 * own maps and rings, and neither takes records from the other; while both run, system calls cost twice.
 */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from '../../agent/events/frame.ts';
import { RecordingWriter } from '../../agent/events/recording.ts';
import { callIds } from '../../agent/features/call-ids.ts';
import { countOwners } from '../../agent/identity/cgroup.ts';
import type { Sink } from '../../agent/pipeline.ts';
import { findHierarchies } from '../../agent/resources/hierarchies.ts';
import { ResourceReader } from '../../agent/resources/reader.ts';
import { type CgroupTree, findCgroups, scanCgroups } from '../../agent/source/cgroups.ts';
import { KubePods } from '../../agent/source/kube-pods.ts';
import { LiveSource } from '../../agent/source/live.ts';
import { PodsReader, type PodsSource } from '../../agent/source/pods.ts';
import { watchedNames } from '../../agent/source/watched-names.ts';
import { bootId, systemClock } from '../../kit/clock.ts';
import { kubeConfig } from '../../kit/kube/settings.ts';
import { loadAddon, type NativeAddon, type ProbeOptions } from '../../native/index.ts';
import { EXIT } from '../args.ts';
import type { Call, Command } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { CgroupFilter } from '../record-filter.ts';
import { architectureOf, pipelineOf } from '../recording.ts';
import type { AllSettings } from '../settings.ts';

const MAX_BYTES = 4 * 1024 ** 3;

async function probeOptions(
  addon: NativeAddon,
  values: AllSettings,
  { root, hierarchy }: CgroupTree,
): Promise<ProbeOptions> {
  const there = await scanCgroups(root);
  return {
    pinFolder: values['pin-folder'],
    cgroupRoot: root,
    cgroupHierarchy: hierarchy,
    selfPid: addon.ownNumber().number,
    urgentBytes: values['urgent-bytes'],
    bulkBytes: values['bulk-bytes'],
    bulkMs: values['bulk-interval'],
    recordsPerSecond: values['record-rate'],
    recordBurst: values['record-burst'],
    slots: values.slots,
    liveSlots: Math.min(values.slots, countOwners(there.map(({ path }) => path))),
    flows: values.flows,
    callIds: callIds(architectureOf(process.arch)),
    seenKey: randomBytes(8).readBigUInt64LE(),
    watchedNames: watchedNames(values),
    queueBatches: values['queue-batches'],
  };
}

function startOf(values: AllSettings): ConstructorParameters<typeof RecordingWriter>[0]['start'] {
  const clock = systemClock();
  return {
    cluster: values.cluster,
    node: values.node || hostname(),
    boot: bootId(),
    bootNs: clock.bootNs(),
    wallMs: clock.wallMs(),
    settings: {
      'learn-windows': String(values['learn-windows']),
      'mature-windows': String(values['mature-windows']),
      'min-score': String(values['min-score']),
      'group-for': `${values['group-for']}ms`,
      'false-alarms': values['false-alarms'],
      architecture: arch(),
      pods: values.pods === '' && kubeConfig(values) === null ? '' : 'expected',
    },
  };
}

/** Only a pipeline knows which cgroups are wanted by name; its verdicts are not used here. */
const listening = (lookup: (cgroup: number) => void): Sink => ({
  detection() {},
  alert() {},
  window() {},
  session() {},
  newContainer() {},
  goneContainer() {},
  canary() {},
  profile() {},
  train() {},
  lookupCgroup: lookup,
});

/** As the agent has them. */
function podsOf(
  values: AllSettings,
  emit: (list: string) => void,
  onError: (error: unknown) => void,
): PodsSource | null {
  if (values.pods !== '')
    return new PodsReader({ from: values.pods, intervalMs: values['pods-interval'], emit, onError });
  const kubernetes = kubeConfig(values);
  const node = values.node || hostname();
  return kubernetes && new KubePods({ kubernetes, node, version: 'record', emit, onError });
}

async function run(call: Call): Promise<number> {
  const { values, io } = call;
  const [path = ''] = call.positionals;
  const forMs = call.flags['for'] === undefined ? 60_000 : parseDuration('--for', String(call.flags['for']));
  const cgroups = findCgroups(values['cgroup-version'], values['cgroup-root']);
  const start = startOf(values);
  const early: Buffer[] = [];
  const source: { live: LiveSource | null } = { live: null };
  const addon = loadAddon();
  const probe = await addon.openProbe(await probeOptions(addon, values, cgroups), (bytes) =>
    source.live === null ? early.push(bytes) : source.live.records(bytes),
  );
  const writer = new RecordingWriter({
    path,
    start,
    redact: call.flags['redact'] === true,
    maxBytes: MAX_BYTES,
  });
  const sink = listening((cgroup) => source.live?.lookup(cgroup));
  const pipeline = pipelineOf({ ...start, recordsVersion: 0, redacted: false }, {}, sink);
  const below = call.flags['below'];
  const filter = typeof below === 'string' ? new CgroupFilter(below) : null;
  const emit = (frame: Frame): void => {
    const kept = filter === null ? frame : filter.filter(frame);
    if (kept !== null) writer.write(kept);
    pipeline.frame(frame);
  };
  const onError = (error: unknown): void => io.error(`picket: ${(error as Error).message}\n`);
  const hierarchies = findHierarchies(
    readFileSync('/proc/self/mounts', 'utf8'),
    cgroups.version === 2 ? cgroups.root : undefined,
  );
  const reader = new ResourceReader(hierarchies, () =>
    pipeline.containers().filter(({ kind }) => kind !== 'host'),
  );
  const live = new LiveSource({
    probe,
    clock: systemClock(),
    cgroupRoot: cgroups.root,
    resources: () => reader.read(),
    windowMs: values.window,
    emit,
    onError,
  });
  const pods = podsOf(values, (list) => emit({ kind: 'pods', list }), onError);
  try {
    await pods?.start();
    source.live = live;
    for (const bytes of early) live.records(bytes);
    live.start();
    io.error(`recording to ${path} for ${forMs / 1000} s; Ctrl-C ends it earlier\n`);
    await sleep(forMs, undefined, { signal: io.signal }).catch(() => undefined);
  } finally {
    await pods?.stop();
    await live.stop();
    reader.close();
    await probe.close();
    await writer.close();
  }
  if (writer.stopped !== null) {
    io.error(`picket: the recording ended early: ${writer.stopped}\n`);
    return EXIT.failed;
  }
  const { events } = pipeline.counts();
  io.out(
    call.json
      ? `${JSON.stringify({ path, events, frames: writer.frames })}\n`
      : `${path}: ${events} events in ${writer.frames} frames\n`,
  );
  return EXIT.ok;
}

export const record: Command = {
  name: 'record',
  takes: ['FILE'],
  sentence: 'Records what the probes see, for replay, tests and bug reports; may run beside an agent.',
  flags: {
    for: { value: 'DURATION', sentence: 'How long [60s].' },
    below: { value: 'CGROUP', sentence: 'Only what is below this cgroup, such as /kubepods.slice.' },
    redact: { sentence: 'Leave arguments of programs and details of pods out.' },
  },
  settings: 'agent',
  examples: [
    'sudo picket record incident.pkt.gz --for 5m',
    'sudo picket record bug.pkt.gz --redact --pods /run/pods.json',
  ],
  run,
};
