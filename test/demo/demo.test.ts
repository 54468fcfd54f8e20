/** The whole demo, as `npm run demo` runs it: real containers, a real attack, the kernel's own programs. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { leftovers, whyNoContainers } from '../../cli/demo/containers.ts';
import { kernelRefusal } from '../../cli/up/kernel.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

async function whyNot(): Promise<string | null> {
  try {
    return (await whyNoContainers()) ?? (await kernelRefusal());
  } catch (error) {
    return (error as Error).message;
  }
}

const reason = await whyNot();
if (reason !== null) console.log(`skipped: the demo: ${reason}`);

interface Told {
  readonly ok: boolean;
  readonly seconds: number;
  readonly proofs: readonly { name: string; held: boolean; detail: string }[];
}

function runDemo(): Promise<{ code: number | null; told: Told; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, 'demo', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const kept = { out: '', errors: '' };
    child.stdout.on('data', (chunk) => {
      kept.out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      kept.errors += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      try {
        resolve({ code, told: JSON.parse(kept.out) as Told, errors: kept.errors });
      } catch (error) {
        reject(new Error(`exit code ${code}\n${kept.out}\n${kept.errors}`, { cause: error }));
      }
    });
  });
}

describe.skipIf(reason !== null)('the demo', () => {
  test('proves detection, containment and undo within about a minute, and leaves nothing behind', {
    timeout: 180_000,
  }, async () => {
    const { code, told, errors } = await runDemo();

    expect(
      told.proofs.filter(({ held }) => !held),
      errors,
    ).toEqual([]);
    expect(told.proofs.map(({ name }) => name)).toEqual([
      'before the attack, web reaches its stock service',
      'before the attack, web serves its customers',
      'the agent detected the attack',
      'from inside, web can reach nothing',
      'from outside, web cannot be reached',
      'the theft has stopped',
      'the other replica still serves',
      'undo was accepted',
      'from inside, web reaches its stock service again',
      'from outside, web serves again',
      'nothing is left behind',
    ]);
    expect(code).toBe(0);
    expect(told.seconds).toBeLessThan(100);
    expect(leftovers('picket-demo')).toEqual([]);
  });
});
