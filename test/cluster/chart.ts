/**
 * install.yaml is the chart rendered for those who do without Helm: `node test/cluster/chart.ts` writes it anew. It has no
 * hooks, which would run at once.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programs, programsFolder } from './binaries.ts';
import { run } from './command.ts';

const MANIFESTS = join(import.meta.dirname, '../../manifests');
export const CHART = join(MANIFESTS, 'chart');
export const INSTALL_FILE = join(MANIFESTS, 'install.yaml');

const HEAD = `# picket on a cluster: one central, one agent per node. Rendered from manifests/chart by test/cluster/chart.ts; a test
# compares it. README.md beside this file says how to install it, and why each right is asked for.
`;
const VALUES = { namespace: { create: true }, uninstall: { releaseNodes: false } };

/** helm, or null where it was not built: rendering alone is not worth minutes of building. */
export function builtHelm(): string | null {
  const file = join(programsFolder(), 'helm');
  return existsSync(file) ? file : null;
}

/** The chart's objects as YAML. */
export function render(helm: string, values: object, more: readonly string[] = []): Promise<string> {
  // Without a cluster to ask, helm takes an old one.
  const release = ['template', 'picket', CHART, '--namespace', 'picket', '--kube-version', '1.35.0'];
  return run([helm, ...release, '--values', '-', ...more], { input: JSON.stringify(values) });
}

export async function renderInstall(helm: string): Promise<string> {
  return HEAD + (await render(helm, VALUES, ['--no-hooks']));
}

if (import.meta.main) writeFileSync(INSTALL_FILE, await renderInstall(join(await programs(), 'helm')));
