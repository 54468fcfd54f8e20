/** Settings of telling people and systems. */
export const notifyRows = {
  'notify-file': {
    type: 'text',
    default: '',
    sentence:
      'YAML file of PicketNotifier and PicketSilence documents: who is told what and how; read again when it changes; empty: none.',
  },
  'webhook-url': {
    type: 'text',
    default: '',
    pattern: /^$|^https?:\/\/\S+$/,
    sentence:
      'Address that incidents and responses are posted to, signed; empty: no webhook but those of notify-file.',
  },
  'webhook-secret-file': {
    type: 'text',
    default: '',
    sentence: 'File with the secret that signs webhook messages; needed with webhook-url.',
  },
  'silent-after': {
    type: 'milliseconds',
    default: 60_000,
    min: 15_000,
    max: 86_400_000,
    sentence: 'A node that has said nothing for so long is an incident; agents say something every 10 s.',
  },
} as const;
