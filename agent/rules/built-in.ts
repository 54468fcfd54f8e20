/** Lists that the code has too. */
import { INTERPRETERS, SHELLS } from '../features/programs.ts';
import { SERVERS } from './lineage.ts';
import { Names } from './names.ts';

export const BUILT_IN: Readonly<Record<string, Names>> = {
  shells: new Names(SHELLS),
  interpreters: new Names(INTERPRETERS),
  servers: SERVERS,
};
