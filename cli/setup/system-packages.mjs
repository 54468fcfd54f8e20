/**
 * The Debian packages that the build and the tests need. Installed when something is missing and this is root on
 * Debian or a relative with apt; otherwise the command to run is told.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { environment, run, SetUpError } from './run.mjs';
import { fingerprint, isFresh, writeStamp } from './stamp.mjs';

/** Each with the program that shows it is there where no dpkg can be asked, or null; nothing is listed that no step uses. */
export const BUILD_PACKAGES = {
  'clang-19': 'clang-19', // compiles native/bpf to BPF objects
  bpftool: 'bpftool', // writes the skeletons
  'libbpf-dev': null, // loads and attaches
  'libelf-dev': null, // libbpf reads objects with it
  'zlib1g-dev': null, // libelf needs it
  cmake: 'cmake', // cmake-js builds the addon with it
  make: 'make',
  'g++': 'g++',
  runc: 'runc', // the demo's containers
  iproute2: 'ip', // and their network
  procps: 'sysctl',
};

/** Only `npm test` and `npm run check` need these. */
export const TEST_PACKAGES = {
  git: 'git', // names the files that the layout tests read
};

const DPKG_STATUS = '/var/lib/dpkg/status';

function onPath(program) {
  return environment()
    .PATH.split(':')
    .some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Names of the packages that are not there. */
export function missingPackages(packages) {
  const names = Object.keys(packages);
  if (!existsSync(DPKG_STATUS)) return names.filter((name) => packages[name] && !onPath(packages[name]));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are dpkg's own placeholders.
  const asked = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\\n', ...names], {
    encoding: 'utf8',
  });
  if (asked.error) throw new SetUpError(`dpkg-query: ${asked.error.message}`);
  const installed = new Set(asked.stdout.split('\n').filter((line) => line.endsWith(' installed')));
  return names.filter((name) => !installed.has(`${name} installed`));
}

/** The words for someone who has to install them by hand. */
export function installCommand(names, isRoot) {
  const sudo = isRoot ? '' : 'sudo ';
  return `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${names.join(' ')}`;
}

function install(names) {
  const quiet = { DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['-q', 'update'], quiet);
  run('apt-get', ['-q', 'install', '-y', '--no-install-recommends', ...names], quiet);
}

/** The step of the set-up for a set of packages. */
export function packagesStep(packages) {
  const names = Object.keys(packages);
  // dpkg writes its status file whenever it changes anything, so a removed package is noticed without asking it each time.
  const print = () => fingerprint([DPKG_STATUS], names);
  const stamp = `.cache/packages-${fingerprint([], names).slice(0, 8)}.stamp`;
  return {
    name: 'system packages',
    isDone: () => isFresh(stamp, print(), []),
    run() {
      const missing = missingPackages(packages);
      const isRoot = process.getuid() === 0;
      if (missing.length > 0) {
        if (!isRoot || !onPath('apt-get')) {
          const how = onPath('apt-get')
            ? `run this as root, then start again:\n\n  ${installCommand(missing, isRoot)}`
            : `this is no Debian; install what these Debian packages hold, then start again:\n\n  ${missing.join(' ')}`;
          throw new SetUpError(`system packages are missing; ${how}\n`, 2);
        }
        install(missing);
      }
      writeStamp(stamp, print());
      return missing.length > 0 ? `installed ${missing.join(' ')}` : 'all there';
    },
  };
}
