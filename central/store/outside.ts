/** Alerts that no agent reported: of central itself, of other detectors. */
import type { Evidence } from '../correlate/incident.ts';
import { keepAlert } from './keep-alert.ts';
import type { Handle } from './rows.ts';

export interface OutsideStore {
  /** `kind`: where it is from. One that is known is replaced. */
  add(evidence: Evidence, kind: 'node' | 'falco'): Promise<void>;
}

export function outsideStore(db: Handle): OutsideStore {
  return {
    add: ({ cluster, node, ...evidence }, kind) =>
      keepAlert(db, { cluster, node, boot: kind }, evidence, { kind }),
  };
}
