/**
 * The launcher: plain JavaScript that Debian's own Node (18 and newer) runs. It does what set-up is left to do and
 * then becomes the pinned Node with picket's command, or runs a developer's checks.
 *
 *   node cli/launch.mjs COMMAND [ARGUMENT...]    picket itself
 *   node cli/launch.mjs --toolchain | --build | --test [VITEST ARGUMENT...] | --check | --fix
 *   node cli/launch.mjs --test-cluster [VITEST ARGUMENT...]
 *   node cli/launch.mjs --fuzz [INPUTS [SEED]] | --soak [--minutes N] [--unnamed] [--json FILE]
 */
import { becomePicket, runsSources } from './setup/command.mjs';
import { check, fix, fuzz, soak, test, testCluster } from './setup/developer.mjs';
import { SetUpError } from './setup/run.mjs';
import { setUp } from './setup/set-up.mjs';
import { buildSteps, sourceSteps, toolchainSteps } from './setup/steps.mjs';

const MODES = {
  '--toolchain': () => setUp(toolchainSteps()),
  '--build': () => setUp(buildSteps()),
  '--test': test,
  '--test-cluster': testCluster,
  '--check': check,
  '--fix': fix,
  '--fuzz': fuzz,
  '--soak': soak,
};

const args = process.argv.slice(2);
try {
  const mode = MODES[args[0]];
  if (mode) process.exitCode = mode(args.slice(1)) ?? 0;
  else {
    setUp(runsSources() ? sourceSteps() : buildSteps());
    // What the first screen tells people to type: from a checkout `picket` is on nobody's PATH.
    process.env.PICKET_INTERNAL_COMMAND ??= 'node cli/picket.mjs';
    becomePicket(args);
  }
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`picket: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
