/**
 * Rollout instead of attack: the same in every container of a new image of one workload, and in none of the old one, soon
 * after the new one came; where there was no old one nobody knows. It lowers and does not hide: an image may bring an attack.
 */
import type { Incident } from '../incident.ts';
import type { Sign } from '../sign.ts';
import type { Surroundings } from '../surroundings.ts';

/** An image is new for so long; a release of a large workload takes as long. */
const NEW_MS = 3_600_000;
/** One container of an image is an outlier, not a release. */
const CONTAINERS = 2;

export function rollout({ involved, lastMs }: Incident, around: Surroundings): Sign | null {
  const workloads = new Set(involved.map(({ workload }) => workload));
  const [workload = ''] = workloads;
  if (workloads.size !== 1 || involved.length < CONTAINERS) return null;
  const siblings = around.siblingsOf(workload);
  const alerted = new Set(involved.map(({ node, id }) => `${node}/${id}`));
  const of = siblings.filter(({ node, id }) => alerted.has(`${node}/${id}`));
  const digests = new Set(of.map(({ imageDigest }) => imageDigest));
  const [digest = ''] = digests;
  if (digests.size !== 1 || digest === '' || of.length < CONTAINERS) return null;
  const same = siblings.filter(({ imageDigest, live }) => live && imageDigest === digest);
  const since = Math.min(...same.map(({ sinceMs }) => sinceMs));
  if (same.length !== of.length || lastMs - since > NEW_MS) return null;
  if (!siblings.some(({ imageDigest, sinceMs }) => imageDigest !== digest && sinceMs < since)) return null;
  const sentence = `All ${of.length} containers of the new image ${digest.slice(0, 19)} of ${workload} did this, and no other: it looks like a release.`;
  return { rule: 'rollout', steps: -1, sentence };
}
