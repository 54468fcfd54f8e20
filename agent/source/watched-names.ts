/** Names that the kernel side looks for, from the settings. */
import type { WatchedName } from '../../native/index.ts';
import type { AgentSettings } from '../settings.ts';

type Named = Pick<AgentSettings, 'watched-files' | 'watched-folders' | 'guarded-files' | 'guarded-folders'>;

/** The last of equal names counts: one that is watched at every opening is also watched when it is changed. */
export function watchedNames(settings: Named): WatchedName[] {
  const named = (list: readonly string[], more: Omit<WatchedName, 'name'>): WatchedName[] =>
    list.map((name) => ({ name, ...more }));
  return [
    ...named(settings['guarded-files'], { where: 'file', writesOnly: true }),
    ...named(settings['guarded-folders'], { where: 'folder', writesOnly: true }),
    ...named(settings['watched-files'], { where: 'file' }),
    ...named(settings['watched-folders'], { where: 'folder' }),
  ];
}
