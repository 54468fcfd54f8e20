/** The agent's own number as the kernel's records have it. */
import { readlinkSync } from 'node:fs';

/** Number of the initial pid namespace, in all kernels since 3.8 (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
const INITIAL = 0xefff_fffc;

/** 0 where it is not known: in a pid namespace of the agent's own, as on a node that is a container itself. */
export function numberOnNode(read: (path: string) => string = readlinkSync): number {
  try {
    return read('/proc/self/ns/pid') === `pid:[${INITIAL}]` ? process.pid : 0;
  } catch {
    return 0;
  }
}
