/** Chain: one after the other, several tactics of an attack. */
import type { Incident } from '../incident.ts';
import type { Sign } from '../sign.ts';
import { tacticsOf } from '../tactics.ts';

/** So many tactics are a chain: each alone has innocent explanations, three of them together hardly. */
const CHAIN = 3;

export function chain({ techniques }: Incident): Sign | null {
  const tactics = tacticsOf(techniques);
  if (tactics.length < CHAIN) return null;
  return {
    rule: 'chain',
    steps: 1,
    sentence: `It went through ${tactics.length} tactics: ${tactics.join(', ')}.`,
  };
}
