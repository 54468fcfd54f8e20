/** The evidence that central makes itself of a node that should be heard and is not, or does not see. */
import type { Evidence } from './incident.ts';

export interface NodeAlert {
  readonly cluster: string;
  readonly node: string;
  readonly id: string;
  readonly detector: string;
  /** Since when it is so, and now. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly title: string;
  readonly explanation: readonly string[];
}

export const evidenceOfNode = (told: NodeAlert): Evidence => ({
  cluster: told.cluster,
  node: told.node,
  container: null,
  detections: [],
  identities: [],
  pods: [],
  visits: [],
  opens: true,
  alert: {
    id: told.id,
    severity: 'high',
    score: 0.9,
    firstNs: 0n,
    lastNs: 0n,
    firstWallMs: told.firstMs,
    lastWallMs: told.lastMs,
    container: '',
    workload: `${told.cluster}//Node/${told.node}`,
    title: told.title,
    explanation: [...told.explanation],
    detectors: [told.detector],
    techniques: ['T1562.001'],
    count: 1,
    revision: 1,
    quality: '',
  },
});
