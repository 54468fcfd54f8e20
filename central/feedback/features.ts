/** What an alert or incident looks like to the re-ranking: per detector, its strongest evidence in bits. Pure. */
import type { Evidence, Incident } from '../correlate/incident.ts';

export interface Features {
  readonly features: Readonly<Record<string, number>>;
  readonly confidence: number;
}

/** A score of 1 - 2^-20 and above counts as 20 bits: no detector is surer than that. */
const MOST_BITS = 20;
export const bitsOf = (score: number): number =>
  Math.min(MOST_BITS, Math.max(0, -Math.log2(Math.max(1 - score, 2 ** -MOST_BITS))));

function strongest(all: readonly (readonly [detector: string, score: number])[]): Features {
  const features: Record<string, number> = {};
  for (const [detector, score] of all) features[detector] = Math.max(features[detector] ?? 0, bitsOf(score));
  // As incidents have it: as if the detectors were independent.
  const doubt = Object.values(features).reduce((product, bits) => product * 2 ** -bits, 1);
  return { features, confidence: 1 - doubt };
}

export function featuresOf(evidence: readonly Evidence[]): Features {
  return strongest(
    evidence.flatMap(({ alert }) => alert.detectors.map((detector) => [detector, alert.score] as const)),
  );
}

/** The same from an incident's members, without a look into the store. */
export function featuresOfIncident({ members }: Pick<Incident, 'members'>): Features {
  return strongest(
    members.flatMap(({ detectors, score }) => detectors.map((detector) => [detector, score] as const)),
  );
}
