/** Time, real and given. Everything is CLOCK_BOOTTIME in ns, with a wall-clock anchor for people. */
import { readFileSync } from 'node:fs';

export interface Clock {
  /** CLOCK_BOOTTIME, ns. */
  bootNs(): bigint;
  /** Unix time, ms. */
  wallMs(): number;
}

/**
 * CLOCK_BOOTTIME through process.hrtime (CLOCK_MONOTONIC) and the difference of the two, which changes only in
 * suspend; /proc/uptime shows it to 10 ms, `offsetNs` gives it exactly where the caller knows better.
 */
export function systemClock(offsetNs: bigint = bootOffsetNs()): Clock {
  return {
    bootNs: () => process.hrtime.bigint() + offsetNs,
    wallMs: () => Date.now(),
  };
}

/** Suspend time so far: 0 when it is below the resolution of /proc/uptime (20 ms). */
function bootOffsetNs(): bigint {
  const before = process.hrtime.bigint();
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const offset = BigInt(Math.round(uptime * 100)) * 10_000_000n - before;
  return offset < 20_000_000n && offset > -20_000_000n ? 0n : offset;
}

/** A clock that stands still until it is set; for replay and tests. */
export function givenClock(start: {
  bootNs: bigint;
  wallMs: number;
}): Clock & { set(bootNs: bigint, wallMs: number): void } {
  let now = { ...start };
  return {
    bootNs: () => now.bootNs,
    wallMs: () => now.wallMs,
    set(bootNs, wallMs) {
      now = { bootNs, wallMs };
    },
  };
}

/** This boot's id, a UUID. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
