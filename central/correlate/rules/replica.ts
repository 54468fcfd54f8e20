/** Replica outlier: one of several like it. Replicas live the same life; what only one does is not in the program or its release. */
import type { Incident } from '../incident.ts';
import type { Sign } from '../sign.ts';
import type { Surroundings } from '../surroundings.ts';

/** With two, nobody knows which one is strange. */
const SIBLINGS = 3;

export function replica({ involved }: Incident, around: Surroundings): Sign | null {
  for (const { workload, node, id } of involved) {
    const siblings = around.siblingsOf(workload).filter(({ live }) => live);
    const alerted = involved.filter((one) => one.workload === workload).length;
    if (alerted !== 1 || siblings.length < SIBLINGS) continue;
    if (!siblings.some((one) => one.node === node && one.id === id)) continue;
    const others = siblings.length - 1;
    return {
      rule: 'replica',
      steps: 0,
      points: 5,
      sentence: `Of ${siblings.length} replicas of ${workload} one did this and ${others} did not.`,
    };
  }
  return null;
}
