/** Whether this kernel takes the probes, and what is run where it does not. */
import { fileURLToPath } from 'node:url';

/** Why not, in the kernel's or the loader's words; null: it does. */
export async function kernelRefusal(): Promise<string | null> {
  const { loadAddon } = await import('../../native/index.ts');
  return loadAddon().features().refusal;
}

/** A real run of the demo, recorded. */
export const RECORDING = fileURLToPath(new URL('../demo/recording.pkt.gz', import.meta.url));

/** Flags with which the agent takes the recording in place of the kernel, faster than it was: its quiet part is 46 s. */
export function shippedRecording(): string[] {
  return ['--replay', RECORDING, '--speed', '4'];
}
