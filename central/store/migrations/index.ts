/** The list of migrations, in order. One that was released is never changed; a new one is added. */
import type { Migration, MigrationProvider } from 'kysely/migration';
import { initial } from './0001-initial.ts';
import { traffic } from './0002-traffic.ts';
import { sketches } from './0003-sketches.ts';
import { api } from './0004-api.ts';
import { feedback } from './0005-feedback.ts';
import { effects } from './0006-effects.ts';
import { clusterOrders } from './0008-cluster-orders.ts';
import { sessions } from './0009-sessions.ts';
import { allow } from './0010-allow.ts';
import { pruned } from './0011-pruned.ts';
import { canaries } from './0012-canaries.ts';
import { ages } from './0013-ages.ts';
import { execDeny } from './0014-exec-deny.ts';
import { growth } from './0015-growth.ts';

export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-initial': initial,
  '0002-traffic': traffic,
  '0003-sketches': sketches,
  '0004-api': api,
  '0005-feedback': feedback,
  '0006-effects': effects,
  '0008-cluster-orders': clusterOrders,
  '0009-sessions': sessions,
  '0010-allow': allow,
  '0011-pruned': pruned,
  '0012-canaries': canaries,
  '0013-ages': ages,
  '0014-exec-deny': execDeny,
  '0015-growth': growth,
};

/** In code rather than from a folder: what ships is what runs. */
export const migrationProvider: MigrationProvider = {
  getMigrations: async () => ({ ...MIGRATIONS }),
};
