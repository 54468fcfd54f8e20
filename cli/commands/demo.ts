/** The demo: makes the stage, runs the shipped `picket up` on it, performs, and takes everything away again. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '../args.ts';
import { Child, lastLines } from '../child.ts';
import { type Call, type Command, type Io, toJson } from '../command.ts';
import { leftovers, Sandbox, whyNoContainers } from '../demo/containers.ts';
import { perform } from '../demo/demo.ts';
import { demoSettings } from '../demo/demo-settings.ts';
import { Shop } from '../demo/shop.ts';
import { Story } from '../demo/story.ts';
import { unpin } from '../demo/unpin.ts';

const NAME = 'picket-demo';
const PORT = 7463;

/** The user's own PICKET_ settings are not the demo's: what ships is shown. */
function shippedEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !name.startsWith('PICKET_') || name.startsWith('PICKET_INTERNAL_'),
    ),
  );
}

async function whyNot(): Promise<string | null> {
  const { loadAddon } = await import('../../native/index.ts');
  const containers = await whyNoContainers();
  if (containers !== null) return containers === 'not root' ? 'it needs root: sudo npm run demo' : containers;
  try {
    return loadAddon().features().refusal;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A demo that was killed an instant ago may still be there; one that lives is left alone. */
function claim(lockFile: string): void {
  try {
    const pid = Number(readFileSync(lockFile, 'utf8'));
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('demo'))
      throw new Error(`another demo is running (process ${pid})`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function act(sandbox: Sandbox, io: Io, story: Story): Promise<void> {
  const state = join(sandbox.folder, 'state');
  mkdirSync(state, { mode: 0o700 });
  const settings = demoSettings({ folder: state, podsFile: sandbox.podsFile, port: PORT });
  const environment = shippedEnvironment(io.environment);
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const shop = await Shop.open(sandbox);
  const picket = new Child({
    entry: io.entry,
    args: ['up', ...flags],
    logFile: join(state, 'logs/up.log'),
    environment,
  });
  try {
    story.part('picket');
    story.tell(`picket starts: shipped settings, policy "enforce" for namespace demo. ${await picket.ready}`);
    await perform({
      shop,
      story,
      folder: state,
      apiListen: settings['api-listen'] ?? '',
      picket: [process.execPath, ...process.execArgv, io.entry],
      environment,
      signal: io.signal,
    });
  } catch (error) {
    story.prove('the demo ran to its end', false, (error as Error).message);
    for (const name of ['up', 'agent', 'central'])
      io.error(`\nlast lines of ${name}:\n${lastLines(join(state, `logs/${name}.log`), 12)}\n`);
  } finally {
    shop.close();
    await picket.stop();
    await unpin(settings['pin-folder'] ?? '');
  }
}

async function run(call: Call): Promise<number> {
  const { io } = call;
  const refusal = await whyNot();
  if (refusal !== null) {
    io.error(`picket demo cannot run here: ${refusal}\n`);
    return EXIT.failed;
  }
  const story = new Story(call.json ? () => {} : io.out);
  const lockFile = `/run/${NAME}.pid`;
  claim(lockFile);
  writeFileSync(lockFile, String(process.pid));
  let sandbox: Sandbox | null = null;
  try {
    sandbox = await Sandbox.create({ name: NAME, node: hostname() });
    await act(sandbox, io, story);
  } finally {
    await sandbox?.stop();
    rmSync(lockFile, { force: true });
  }
  const left = leftovers(NAME);
  story.prove(
    'nothing is left behind',
    left.length === 0,
    left.length === 0 ? 'no process, cgroup, namespace or file' : left.join(', '),
  );
  return conclude(call, story);
}

function conclude(call: Call, story: Story): number {
  const seconds = Math.round((Date.now() - story.started) / 1000);
  const { steps, proofs, ok } = story;
  if (call.json) call.io.out(`${toJson({ ok, seconds, steps, proofs })}\n`);
  else {
    const held = proofs.filter((proof) => proof.held).length;
    call.io.out(
      `\n${ok ? 'Every' : 'Not every'} proof held: ${held} of ${proofs.length}, in ${seconds} s.\n`,
    );
  }
  return ok ? EXIT.ok : EXIT.failed;
}

export const demo: Command = {
  name: 'demo',
  takes: [],
  sentence:
    'Starts a sample shop in containers, attacks it, and shows what picket sees, decides and does. Exit code 0 only when every proof held.',
  flags: {},
  settings: 'none',
  examples: ['sudo npm run demo', 'sudo picket demo --json'],
  run,
};
