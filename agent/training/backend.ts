/**
 * TensorFlow.js on the fastest backend that works here: the native library of @tensorflow/tfjs-node where it is installed,
 * else WebAssembly, which ships with the package. Loaded in a process of its own only: it is 75 to 285 MB of memory.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';

export type BackendName = 'tensorflow' | 'wasm';

const require = createRequire(import.meta.url);

/** The native library crashes the process without AVX, which cannot be caught. */
function hasAvx(): boolean {
  try {
    return /^flags\s*:.*\bavx\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

/** Registers the native backend. @returns why it cannot be used, or null. */
export async function useTensorflow(): Promise<string | null> {
  if (!hasAvx()) return 'the processor has no AVX';
  // Removed from Node 23; tfjs-node 4.22 asks for it.
  const old = util as { isNullOrUndefined?: (value: unknown) => boolean };
  old.isNullOrUndefined ??= (value) => value === null || value === undefined;
  try {
    require('@tensorflow/tfjs-node');
    return (await tf.setBackend('tensorflow')) ? null : 'its backend was refused';
  } catch (error) {
    return (error as Error).message.split('\n', 1)[0] ?? 'it cannot be loaded';
  }
}

/** @throws when even WebAssembly is refused. */
export async function useWasm(): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  if (!(await tf.setBackend('wasm'))) throw new Error('TensorFlow.js refuses its WebAssembly backend');
}

/** @returns the backend in use, and why it is not the native one. */
export async function useFastest(): Promise<{ name: BackendName; reason: string }> {
  const problem = await useTensorflow();
  if (problem === null) return { name: 'tensorflow', reason: '' };
  await useWasm();
  return { name: 'wasm', reason: problem };
}
