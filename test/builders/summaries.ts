/** Small makers of what an agent says. Ids derive from names, so that the same names give the same ids. */
import { createHash } from 'node:crypto';
import type { Alert, Container, Detection, Input, Summary } from '../../wire/index.ts';

export const BOOT = '0b8a8f0e-6b0e-4d3c-9f43-2f6f6d0f7a11';
/** Unix time of boot time 0 in these summaries, ms; tests move it near to now. */
const UPTIME_NS = 1_000_000_000_000n;

const hex = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/** A pod's container: `web-1` of Deployment `web` in namespace `demo` gives a container named `web`. */
export function container(pod: string, namespace = 'demo', cluster = 'local'): Container {
  const name = pod.replace(/-\d+$/, '');
  return {
    id: hex(`container ${namespace}/${pod}`, 64),
    name,
    podUid: `uid-${namespace}-${pod}`,
    pod,
    namespace,
    workload: `${cluster}/${namespace}/Deployment/${name}/${name}`,
    image: `registry.example/${name}:1`,
    imageDigest: `sha256:${hex(name, 64)}`,
    cgroup: 4711,
    runtime: 'containerd',
    life: null,
  };
}

export function detection(of: Container, change: Partial<Detection> = {}): Detection {
  return {
    id: `det-${hex(`detection ${of.id}`, 20)}`,
    detector: 'shell-from-server',
    severity: 'high',
    score: 0.9,
    timeNs: UPTIME_NS,
    wallMs: Date.now(),
    container: of.id,
    workload: of.workload,
    pid: 4242,
    processStartNs: UPTIME_NS - 5n,
    summary: 'A server started a shell.',
    alert: `alr-${hex(`alert ${of.id}`, 20)}`,
    techniques: ['T1059.004'],
    facts: { exe: '/bin/sh', parent: 'httpd', pid: '4242' },
    ...change,
  };
}

export function alert(of: Container, change: Partial<Alert> = {}): Alert {
  const now = Date.now();
  return {
    id: `alr-${hex(`alert ${of.id}`, 20)}`,
    severity: 'high',
    score: 0.9,
    firstNs: UPTIME_NS,
    lastNs: UPTIME_NS,
    firstWallMs: now,
    lastWallMs: now,
    container: of.id,
    workload: of.workload,
    title: 'A server started a shell.',
    explanation: ['This workload has never started /bin/sh before.'],
    detectors: ['shell-from-server'],
    techniques: ['T1059.004'],
    count: 1,
    revision: 1,
    quality: '',
    ...change,
  };
}

export function summary(change: Input<Summary> = {}): Input<Summary> {
  return {
    schema: 1,
    cluster: 'local',
    node: 'node-1',
    boot: BOOT,
    sequence: 1,
    clock: { bootNs: UPTIME_NS, wallMs: Date.now() },
    ...change,
  };
}

/** A summary in which these containers run and each has one detection and one alert. */
export function attack(on: readonly Container[], change: Input<Summary> = {}): Input<Summary> {
  return summary({
    containers: [...on],
    detections: on.map((one) => detection(one)),
    alerts: on.map((one) => alert(one)),
    ...change,
  });
}
