/**
 * The settings of the demo's picket: those that ship, but for a state folder, addresses and a pin folder of its
 * own, so that it can run beside a picket that guards this machine, and the policy: enforce in namespace `demo`.
 */
import { fileURLToPath } from 'node:url';

/** `dist/cli/demo` when emitted, `cli/demo` as a source: both below the folder that holds manifests/. */
function projectFile(path: string): string {
  const here = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(`${here.endsWith('.ts') ? '../..' : '../../..'}/${path}`, import.meta.url));
}

export const DEMO_NAMESPACE = 'demo';
export const DEMO_POLICY = projectFile('manifests/examples/policies/enforce-demo.yaml');

/** Flags of `picket up`, by setting. */
export function demoSettings(options: {
  folder: string;
  podsFile: string;
  port: number;
}): Record<string, string> {
  const { folder, podsFile, port } = options;
  return {
    'state-folder': folder,
    pods: podsFile,
    'pin-folder': '/sys/fs/bpf/picket-demo',
    'central-listen': `127.0.0.1:${port}`,
    'central-url': `https://127.0.0.1:${port}`,
    'api-listen': `127.0.0.1:${port + 1}`,
    'agent-listen': `127.0.0.1:${port + 2}`,
    'central-metrics-listen': `127.0.0.1:${port + 3}`,
    'policy-files': DEMO_POLICY,
  };
}
