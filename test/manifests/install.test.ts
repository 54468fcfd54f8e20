/** install.yaml against itself, against the settings and against what manifests/README.md says about it. */
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { agentRows } from '../../agent/settings.ts';
import { centralRows } from '../../central/settings.ts';
import { CAPABILITIES } from '../../cli/doctor/capabilities.ts';
import { readSettings } from '../../kit/read-settings.ts';
import { read } from '../architecture/sources.ts';

interface Probe {
  readonly httpGet: { readonly host?: string; readonly path: string; readonly port: number | string };
}
interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly resources?: { readonly requests?: object; readonly limits?: { readonly memory?: string } };
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly privileged?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
  readonly enableServiceLinks?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext: { readonly seccompProfile?: { readonly type: string } };
}
interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: { readonly spec: PodSpec };
    readonly ports?: readonly { readonly port: number; readonly targetPort: string }[];
  };
}

const documents = parseAllDocuments(read('manifests/install.yaml'));
const resources = documents.map((document) => document.toJS() as Resource);

function find(kind: string, name: string): Resource {
  const found = resources.find((resource) => resource.kind === kind && resource.metadata.name === name);
  if (found === undefined) throw new Error(`install.yaml has no ${kind} ${name}`);
  return found;
}
function podOf(kind: string, name: string): PodSpec {
  const spec = find(kind, name).spec?.template?.spec;
  if (spec === undefined) throw new Error(`${kind} ${name} has no pod template`);
  return spec;
}
const central = podOf('Deployment', 'picket-central');
const agent = podOf('DaemonSet', 'picket-agent');
const containers = [central, agent].flatMap((pod) => [...(pod.initContainers ?? []), ...pod.containers]);
const named = (name: string): Container => {
  const found = containers.find((container) => container.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
};
const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

describe('install.yaml', () => {
  test('parses, with no errors or warnings', () => {
    expect(documents.flatMap((document) => [...document.errors, ...document.warnings])).toEqual([]);
  });

  test('gives each resource a name of its own', () => {
    const names = resources.map(
      ({ kind, metadata }) => `${kind}/${metadata.namespace ?? '-'}/${metadata.name}`,
    );
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(8);
  });

  test('every settings file in it is accepted by the rows of the settings', () => {
    const text = find('ConfigMap', 'picket-settings').data?.['picket.yaml'] ?? '';
    const settings = readSettings(
      { ...agentRows, ...centralRows },
      { flags: {}, environment: {}, file: { path: 'picket.yaml', text } },
    );
    expect(settings['central-names']).toContain(new URL(settings['central-url']).hostname);
    expect(portOf(settings['central-listen'])).toBe(portOf(centralRows['central-listen'].default));
    expect(Number(new URL(settings['central-url']).port)).toBe(portOf(settings['central-listen']));
  });

  test('ports and probes are those of the settings', () => {
    const byName = Object.fromEntries(
      (named('central').ports ?? []).map((port) => [port.name, port.containerPort]),
    );
    expect(byName).toEqual({
      agents: portOf(centralRows['central-listen'].default),
      api: portOf(centralRows['api-listen'].default),
      metrics: portOf(centralRows['central-metrics-listen'].default),
    });
    const service = find('Service', 'picket-central').spec?.ports ?? [];
    expect(Object.fromEntries(service.map(({ port, targetPort }) => [targetPort, port]))).toEqual(byName);
    for (const [name, port, host] of [
      ['central', 'metrics', undefined],
      ['agent', portOf(agentRows['agent-listen'].default), '127.0.0.1'],
    ] as const) {
      const { livenessProbe, readinessProbe, startupProbe } = named(name);
      expect(livenessProbe?.httpGet).toEqual({ path: '/healthz', port, ...(host ? { host } : {}) });
      expect(startupProbe?.httpGet).toEqual(livenessProbe?.httpGet);
      expect(readinessProbe?.httpGet).toEqual({ path: '/readyz', port, ...(host ? { host } : {}) });
    }
  });

  test('the agent has the capabilities that the code and the README give reasons for, and nothing else has any', () => {
    const listed = [...read('manifests/README.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
    expect(listed).toEqual(CAPABILITIES.map(({ name }) => name));
    for (const { name, without } of CAPABILITIES)
      expect(read('manifests/README.md')).toContain(`| \`${name}\` | ${without} |`);
    expect(named('agent').securityContext?.capabilities).toEqual({ drop: ['ALL'], add: listed });
    for (const container of containers.filter(({ name }) => name !== 'agent'))
      expect(container.securityContext?.capabilities).toEqual({ drop: ['ALL'] });
  });

  test.each(
    containers.map((container) => [container.name, container] as const),
  )('container %s is closed and bounded', (_, { image, securityContext, resources: bounds }) => {
    expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true });
    expect(securityContext?.privileged).toBeUndefined();
    expect(bounds?.limits?.memory).toMatch(/^\d+Mi$/);
    expect(image).toMatch(/^picket:\d+\.\d+\.\d+$/);
  });

  test('pods get no token by default, no service variables, and the runtime seccomp profile', () => {
    for (const pod of [central, agent]) {
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.enableServiceLinks).toBe(false);
      expect(pod.securityContext.seccompProfile).toEqual({ type: 'RuntimeDefault' });
    }
    const withToken = containers.filter(({ volumeMounts }) =>
      volumeMounts?.some(({ name }) => name === 'token'),
    );
    expect(withToken.map(({ name }) => name)).toEqual(['central', 'agent']);
  });

  test('every volume is mounted and every mount has its volume', () => {
    for (const pod of [central, agent]) {
      const mounted = [...pod.containers, ...(pod.initContainers ?? [])].flatMap(
        ({ volumeMounts }) => volumeMounts?.map(({ name }) => name) ?? [],
      );
      expect([...new Set(mounted)].sort()).toEqual(pod.volumes.map(({ name }) => name).sort());
    }
  });
});
