/** The flags of the control plane: etcd, API server, controllers, scheduler. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_ADDRESS } from './machine.ts';

export const API_SERVER = `https://${NODE_ADDRESS}:6443`;
const SERVICES = '10.96.0.0/16';
const ISSUER = 'https://kubernetes.default.svc';
const ETCD = 'http://127.0.0.1:2379';
const ETCD_PEER = 'http://127.0.0.1:2380';

/** What each program is started with; the first word is a path. */
export interface Layout {
  /** The run's folder. */
  readonly folder: string;
  readonly programs: string;
  readonly debian: string;
}

/**
 * What the API server writes down: whole requests where a person enters a pod, names elsewhere. exec has its command in
 * the address only; scheduler and controllers would be nine tenths of the rest.
 */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'None',
      users: [
        'system:kube-scheduler',
        'system:kube-controller-manager',
        'system:apiserver',
        'system:node:node1',
      ],
    },
    { level: 'None', nonResourceURLs: ['/healthz*', '/readyz*', '/livez*', '/openapi*', '/version'] },
    {
      level: 'Request',
      resources: [
        {
          group: '',
          resources: ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/ephemeralcontainers'],
        },
        { group: 'rbac.authorization.k8s.io' },
      ],
    },
    { level: 'RequestResponse', resources: [{ group: 'picket.dev' }] },
    { level: 'Metadata' },
  ],
};

export function etcd({ folder, debian }: Layout): string[] {
  return [
    join(debian, 'usr/bin/etcd'),
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${ETCD}`,
    `--advertise-client-urls=${ETCD}`,
    `--listen-peer-urls=${ETCD_PEER}`,
    `--initial-advertise-peer-urls=${ETCD_PEER}`,
    `--initial-cluster=default=${ETCD_PEER}`,
    // Nothing here has to survive a power cut.
    '--unsafe-no-fsync',
  ];
}

export function apiServer({ folder, programs }: Layout, more: readonly string[]): string[] {
  const file = (name: string): string => join(folder, 'pki', name);
  writeFileSync(join(folder, 'audit-policy.yaml'), JSON.stringify(AUDIT_POLICY));
  return [
    join(programs, 'kube-apiserver'),
    `--etcd-servers=${ETCD}`,
    `--advertise-address=${NODE_ADDRESS}`,
    '--secure-port=6443',
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--service-account-issuer=${ISSUER}`,
    `--service-account-signing-key-file=${file('tokens.key')}`,
    `--service-account-key-file=${file('tokens.pub')}`,
    // The second is what agents ask for when they enrol.
    `--api-audiences=${ISSUER},picket`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    '--anonymous-auth=false',
    `--service-cluster-ip-range=${SERVICES}`,
    `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
    `--kubelet-client-key=${file('kubelet-client.key')}`,
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--requestheader-client-ca-file=${file('ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${file('front-proxy.crt')}`,
    `--proxy-client-key-file=${file('front-proxy.key')}`,
    `--audit-policy-file=${join(folder, 'audit-policy.yaml')}`,
    `--audit-log-path=${join(folder, 'audit.ndjson')}`,
    ...more,
  ];
}

export function controllerManager({ folder, programs }: Layout): string[] {
  const file = (name: string): string => join(folder, 'pki', name);
  const own = file('kube-controller-manager.kubeconfig');
  return [
    join(programs, 'kube-controller-manager'),
    `--kubeconfig=${own}`,
    `--authentication-kubeconfig=${own}`,
    `--authorization-kubeconfig=${own}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${file('tokens.key')}`,
    `--root-ca-file=${file('ca.crt')}`,
    `--cluster-signing-cert-file=${file('ca.crt')}`,
    `--cluster-signing-key-file=${file('ca.key')}`,
    `--requestheader-client-ca-file=${file('ca.crt')}`,
    `--service-cluster-ip-range=${SERVICES}`,
    // The default of 20 makes a start of many objects wait.
    '--kube-api-qps=100',
    '--kube-api-burst=200',
  ];
}

export function scheduler({ folder, programs }: Layout): string[] {
  const own = join(folder, 'pki/kube-scheduler.kubeconfig');
  return [
    join(programs, 'kube-scheduler'),
    `--kubeconfig=${own}`,
    `--authentication-kubeconfig=${own}`,
    `--authorization-kubeconfig=${own}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
  ];
}
