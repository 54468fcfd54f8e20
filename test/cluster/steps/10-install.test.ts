/** `helm install` with the image of the present code; the steps after it stand on this release. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { attach } from '../cluster.ts';
import { install, NAMESPACE, picket } from '../release.ts';

const cluster = attach();

interface Workloads {
  readonly status: { readonly numberReady?: number; readonly readyReplicas?: number };
}

test('the chart installs without a step by hand, and central and agent become ready', async () => {
  await install(cluster);
  const agents = await cluster.get<Workloads>(['daemonset', 'picket-agent', '-n', NAMESPACE]);
  const central = await cluster.get<Workloads>(['deployment', 'picket-central', '-n', NAMESPACE]);
  expect([agents.status.numberReady, central.status.readyReplicas]).toEqual([1, 1]);
});

test('the agent of the node has enrolled by itself', async () => {
  const status = async (): Promise<string> => picket(cluster, 'agent', ['status']);
  await expect.poll(status, { timeout: 120_000, interval: 2000 }).toMatch(/central +https:\S+, accepted \d/);
});

test('the image says its version, and holds nothing that was only needed to build it', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'));
  expect((await picket(cluster, 'central', ['--version'])).trim()).toBe(version);
  const tools = 'for name in cc gcc g++ clang-19 make cmake bpftool npm git; do command -v $name; done; true';
  const asked = [
    'exec',
    '-n',
    NAMESPACE,
    'deployment/picket-central',
    '-c',
    'central',
    '--',
    'sh',
    '-c',
    tools,
  ];
  expect(await cluster.kubectl(asked)).toBe('');
});
