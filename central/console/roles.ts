/** Who may do what over the People API. Each role may do what those before it may. */
export const ROLES = ['viewer', 'responder', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What changes how picket itself works, and not one incident. */
const ADMIN: ReadonlySet<string> = new Set([
  'POST /api/v1/notifiers/:id/test',
  'POST /api/v1/reranking',
  'POST /api/v1/exceptions',
  'POST /api/v1/exceptions/:id/revoke',
]);

/** The least role that a route takes: reading is the viewer's, acting on an incident the responder's. */
export function needs(route: string): Role {
  if (ADMIN.has(route)) return 'admin';
  return route.startsWith('GET ') ? 'viewer' : 'responder';
}

export const may = (role: Role, route: string): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needs(route));
