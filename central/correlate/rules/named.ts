/** Who is behind it: a request to the API that its processes came from. */
import type { Incident } from '../incident.ts';
import type { Sign } from '../sign.ts';

const SHOWN = 3;

export function named({ identities, timeline }: Incident): Sign | null {
  if (identities.length > 0) {
    const users = identities.map(({ user, sources }) =>
      sources.length > 0 ? `${user} from ${sources.at(-1)}` : user,
    );
    const more = users.length > SHOWN ? ` and ${users.length - SHOWN} more` : '';
    return {
      rule: 'named',
      steps: 0,
      sentence: `Known by the API: ${users.slice(0, SHOWN).join(', ')}${more}.`,
    };
  }
  const visited = timeline.some(({ kind }) => kind === 'session');
  if (!visited) return null;
  const sentence = 'Somebody entered a container, and no request to the API for it is known.';
  return { rule: 'named', steps: 0, points: 3, sentence };
}
