/** The demo runs what ships: only the settings named here differ from the defaults. */
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DEMO_POLICY, demoSettings } from '../../cli/demo/demo-settings.ts';
import { readAllSettings } from '../../cli/settings.ts';

test('nothing but places, addresses and the policy differs from the defaults', () => {
  const flags = demoSettings({ folder: '/tmp/d/state', podsFile: '/tmp/d/pods.json', port: 7463 });
  const defaults = readAllSettings({}, {});
  const effective = readAllSettings(flags, {});

  const different = Object.fromEntries(
    Object.entries(effective).filter(([name, value]) => value !== defaults[name as keyof typeof defaults]),
  );

  expect(different).toEqual({
    // The one difference that changes what picket does.
    'policy-files': [DEMO_POLICY],
    // Of its own, so that it can run beside a picket that guards this machine.
    'state-folder': '/tmp/d/state',
    'pin-folder': '/sys/fs/bpf/picket-demo',
    'central-listen': '127.0.0.1:7463',
    'central-url': 'https://127.0.0.1:7463',
    'api-listen': '127.0.0.1:7464',
    'agent-listen': '127.0.0.1:7465',
    'central-metrics-listen': '127.0.0.1:7466',
    // The pods that the demo itself starts; on a cluster this is where the kubelet is asked.
    pods: '/tmp/d/pods.json',
  });
  expect(existsSync(DEMO_POLICY)).toBe(true);
});
