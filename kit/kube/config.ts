/** Where the API server is and who we are to it: from within a pod, or as told. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Files are read again when they change: projected tokens live an hour, certificates are rotated. */
export interface KubeConfig {
  /** `https://host:port`; `http:` for a proxy on this machine. */
  readonly url: string;
  readonly tokenFile?: string;
  /** Of the server's authority; without it the machine's own are trusted. */
  readonly caFile?: string;
  /** Of a client certificate, both or none. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
}

/** Where kubelet mounts a pod's token, authority and namespace. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The cluster that this process runs in, or null. */
export function inClusterConfig(
  environment: Readonly<Record<string, string | undefined>>,
  folder: string = SERVICE_ACCOUNT_FOLDER,
): KubeConfig | null {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  const tokenFile = join(folder, 'token');
  if (host === undefined || host === '' || !existsSync(tokenFile)) return null;
  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tokenFile,
    caFile: join(folder, 'ca.crt'),
  };
}
