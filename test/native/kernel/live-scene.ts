/** A container on a real kernel, and the pipeline that is told of it, window by window. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink } from '../../../agent/pipeline.ts';
import type { Profile } from '../../../agent/profile/profiles.ts';
import { LiveSource } from '../../../agent/source/live.ts';
import { systemClock } from '../../../kit/clock.ts';
import type { ProbeOptions } from '../../../native/index.ts';
import { makePipeline } from '../../builders/world.ts';
import { makeCgroup, openTestProbe, startDoer, temporaryFolder } from '../kernel-fixtures.ts';

export async function liveScene(options: Partial<ProbeOptions> = {}) {
  // Each window is five seconds on the pipeline's clock, so that a start is over after three.
  const real = systemClock();
  let windows = 0n;
  const clock = { ...real, bootNs: () => real.bootNs() + windows * 5_000_000_000n };
  const profiles: Profile[] = [];
  const live: { source: LiveSource | null } = { source: null };
  const sink: Pick<Sink, 'profile'> = {
    profile(profile) {
      profiles.push(profile);
      live.source?.profile(profile);
    },
  };
  const { pipeline, told } = makePipeline({
    bootNs: clock.bootNs(),
    wallMs: clock.wallMs(),
    podsExpected: false,
    architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
    sink: sink as Sink,
  });
  const { probe, records, of } = await openTestProbe(options);
  const source = new LiveSource({
    probe,
    clock,
    cgroupRoot: temporaryFolder(),
    windowMs: 3_600_000,
    emit: (frame) => pipeline.frame(frame),
    onError: (error) => {
      throw error;
    },
  });
  live.source = source;
  source.start();
  const cgroup = makeCgroup();
  const doer = await startDoer(cgroup.path);
  let novelties = 0;
  /** One window in which the doer does this. */
  const period = async (...asked: readonly string[]): Promise<void> => {
    for (const one of asked) await doer.ask(one);
    await sleep(70); // the bulk ring is read every 50 ms
    novelties += of('RECORD_NOVEL', cgroup.id).length;
    source.records(Buffer.concat(records.splice(0).map(({ bytes }) => bytes)));
    windows += 1n;
    source.tick();
  };
  return { told, profiles, cgroup, doer, period, source, novel: () => novelties };
}
