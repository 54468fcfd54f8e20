/** Settings of what listens to the Kubernetes API's activity. */

const ADDRESS = /^$|^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/;

export const auditRows = {
  'audit-listen': {
    type: 'text',
    default: '',
    pattern: ADDRESS,
    sentence: 'Address for the audit and admission webhooks of API servers: TLS; empty: none.',
  },
  'admission-webhook': {
    type: 'text',
    default: '',
    pattern: /^$|^[a-z0-9.-]+$/,
    sentence:
      'ValidatingWebhookConfiguration that central keeps its authority and its path in; empty: none, or kept by hand.',
  },
  'audit-client-ca-file': {
    type: 'text',
    default: '',
    sentence:
      'Authority of the client certificates that webhooks may show in place of the token; empty: only the token.',
  },
  'audit-client-names': {
    type: 'list',
    default: [],
    sentence: 'Common names of those client certificates; needed with audit-client-ca-file.',
  },
  'audit-files': {
    type: 'list',
    default: [],
    sentence:
      'Audit logs of API servers to follow, a JSON object a line; rotated ones are read to their end.',
  },
} as const;
