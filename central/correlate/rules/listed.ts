/** Threat intelligence: something in it is on somebody's list. */
import type { Incident } from '../incident.ts';
import type { Sign } from '../sign.ts';

const SHOWN = 3;

export function listed({ matches }: Incident): Sign | null {
  if (matches.length === 0) return null;
  const shown = matches.slice(0, SHOWN).map(({ indicator, source }) => `${indicator} is on ${source}`);
  return { rule: 'listed', steps: 0, points: 10, sentence: `${shown.join('; ')}.` };
}
