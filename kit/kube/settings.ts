/** How both processes find the API server. */
import type { Rows, Settings } from '../read-settings.ts';
import { inClusterConfig, type KubeConfig } from './config.ts';

export const kubeRows = {
  kubernetes: {
    type: 'text',
    pattern: /^(auto|off|https?:\/\/.+)$/,
    default: 'auto',
    sentence:
      "The Kubernetes API server: its address, off, or auto: that of the cluster whose pod this is, by the pod's service account, and none elsewhere.",
  },
  'kubernetes-token-file': {
    type: 'text',
    default: '',
    sentence: 'File with the token for an API server given by address; read again when it changes.',
  },
  'kubernetes-ca-file': {
    type: 'text',
    default: '',
    sentence: "Authority of an API server given by address; empty: the machine's own.",
  },
  'kubernetes-certificate-file': {
    type: 'text',
    default: '',
    sentence: 'Client certificate for an API server given by address; its key is in kubernetes-key-file.',
  },
  'kubernetes-key-file': {
    type: 'text',
    default: '',
    sentence: 'Key of the certificate in kubernetes-certificate-file.',
  },
} as const satisfies Rows;

type KubeSettings = Settings<typeof kubeRows>;

/** Where and how, or null: there is no Kubernetes. */
export function kubeConfig(
  settings: KubeSettings,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): KubeConfig | null {
  const { kubernetes: url } = settings;
  if (url === 'off') return null;
  if (url === 'auto') return inClusterConfig(environment);
  return {
    url,
    tokenFile: settings['kubernetes-token-file'],
    caFile: settings['kubernetes-ca-file'],
    certificateFile: settings['kubernetes-certificate-file'],
    keyFile: settings['kubernetes-key-file'],
  };
}
