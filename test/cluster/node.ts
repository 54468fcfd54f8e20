/** The flags and files of the one node: containerd, kubelet, the pods' network, Services, names. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PAUSE_IMAGE } from './archive.ts';
import type { Layout } from './control-plane.ts';
import { NODE_ADDRESS } from './machine.ts';

export const NODE = 'node1';
const PODS = '10.244.0.0/24';

/** Within the cluster's own /run. */
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

function put(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/**
 * Each pod has a link of its own to the node. On a bridge the answer of a Service would go from pod to pod without passing
 * the node, which alone knows whose address it was asked under.
 */
const network = (folder: string): object => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: {
        type: 'host-local',
        dataDir: join(folder, 'addresses'),
        ranges: [[{ subnet: PODS }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
  ],
});

export function containerd({ folder, debian }: Layout): string[] {
  put(folder, 'cni/10-pods.conflist', JSON.stringify(network(folder)));
  const config = put(
    folder,
    'containerd.toml',
    `version = 2
root = "${folder}/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  # Root of a machine that is itself a container may not lower a process's score: runc would end without a word of it.
  restrict_oom_score_adj = true
  sandbox_image = "${PAUSE_IMAGE}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "${debian}/usr/sbin/runc"
        Root = "/run/runc"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${debian}/usr/lib/cni"
    conf_dir = "${folder}/cni"
`,
  );
  return [join(debian, 'usr/bin/containerd'), '--config', config];
}

const kubeletConfig = (folder: string, cgroup: string): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: join(folder, 'pki/ca.crt') },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: join(folder, 'pki/node.crt'),
  tlsPrivateKeyFile: join(folder, 'pki/node.key'),
  containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: cgroup,
  // Kubernetes 1.35 starts on a mix of both versions only when it is told to.
  failCgroupV1: false,
  failSwapOn: false,
  enforceNodeAllocatable: ['pods'],
  // There is no iptables; kube-proxy uses nftables.
  makeIPTablesUtilChains: false,
  clusterDNS: [NODE_ADDRESS],
  clusterDomain: 'cluster.local',
  resolvConf: put(folder, 'resolv.conf', ''),
  volumePluginDir: join(folder, 'volume-plugins'),
  // A full disk of the machine is no matter of the test.
  evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  imageGCHighThresholdPercent: 100,
  oomScoreAdj: 0,
  healthzBindAddress: '127.0.0.1',
  syncFrequency: '10s',
});

export function kubelet({ folder, programs }: Layout, cgroup: string): string[] {
  const config = put(folder, 'kubelet.yaml', JSON.stringify(kubeletConfig(folder, cgroup)));
  return [
    join(programs, 'kubelet'),
    `--config=${config}`,
    `--kubeconfig=${join(folder, 'pki/node.kubeconfig')}`,
    `--root-dir=${join(folder, 'kubelet')}`,
    `--hostname-override=${NODE}`,
    `--node-ip=${NODE_ADDRESS}`,
  ];
}

/** Services, for real: pods and the node itself reach a ClusterIP. */
export function kubeProxy({ folder, programs }: Layout): string[] {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: join(folder, 'pki/kube-proxy.kubeconfig') },
    hostnameOverride: NODE,
    clusterCIDR: PODS,
    // The limits are the whole machine's.
    conntrack: { maxPerCore: 0, min: 0 },
  };
  return [join(programs, 'kube-proxy'), `--config=${put(folder, 'kube-proxy.yaml', JSON.stringify(config))}`];
}

/** Names of Services; it runs beside the kubelet instead of in a pod. */
export function coreDns({ folder, programs }: Layout): string[] {
  const config = `cluster.local:53 {
  errors
  kubernetes cluster.local {
    kubeconfig ${join(folder, 'pki/coredns.kubeconfig')}
  }
}
`;
  return [join(programs, 'coredns'), '-conf', put(folder, 'Corefile', config)];
}

/** What Kubernetes' own set-up tools would have put there for the two that run outside of pods. */
export const NODE_ROLES = [
  binding('cluster-test:proxy', 'system:node-proxier', 'system:kube-proxy'),
  binding('cluster-test:dns', 'system:coredns', 'system:coredns'),
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'system:coredns' },
    rules: [
      {
        apiGroups: [''],
        resources: ['endpoints', 'services', 'pods', 'namespaces'],
        verbs: ['list', 'watch'],
      },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ],
  },
];

function binding(name: string, role: string, user: string): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  };
}
