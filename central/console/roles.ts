/** Who may do what over the People API: a rule for each route. Each role may do what those before it may. */
import type { Scope } from '../respond/scope.ts';

export const ROLES = ['viewer', 'responder', 'admin'] as const;
export type Role = (typeof ROLES)[number];

interface Rule {
  readonly role: Role;
  /**
   * yes: also for somebody who is for some namespaces only, who then has that of it (within.ts). no: it tells or changes
   * what is of the whole.
   */
  readonly scoped: boolean;
}

const rule = (role: Role, scoped: 'in part' | 'whole'): Rule => ({ role, scoped: scoped === 'in part' });

/** Every route; the compiler refuses one without a rule. Reading is the viewer's, acting on an incident the responder's. */
export const ROUTE_RULES = {
  'GET /api/v1/status': rule('viewer', 'in part'),
  'GET /api/v1/nodes': rule('viewer', 'whole'),
  'GET /api/v1/containers': rule('viewer', 'in part'),
  'GET /api/v1/containers/:id/activity': rule('viewer', 'in part'),
  'GET /api/v1/workloads': rule('viewer', 'in part'),
  'GET /api/v1/incidents': rule('viewer', 'in part'),
  'GET /api/v1/incidents/:id': rule('viewer', 'in part'),
  'GET /api/v1/sessions': rule('viewer', 'in part'),
  'GET /api/v1/alerts': rule('viewer', 'in part'),
  'GET /api/v1/containments': rule('viewer', 'in part'),
  'GET /api/v1/cluster-orders': rule('viewer', 'in part'),
  'GET /api/v1/audit': rule('viewer', 'whole'),
  'GET /api/v1/steps': rule('viewer', 'whole'),
  'GET /api/v1/policies': rule('viewer', 'whole'),
  'GET /api/v1/notifiers': rule('viewer', 'whole'),
  'GET /api/v1/dead-letters': rule('viewer', 'whole'),
  'GET /api/v1/feedback': rule('viewer', 'whole'),
  'GET /api/v1/exceptions': rule('viewer', 'whole'),
  'GET /api/v1/reranking': rule('viewer', 'whole'),
  'POST /api/v1/containments': rule('responder', 'in part'),
  'POST /api/v1/containments/:id/undo': rule('responder', 'in part'),
  'POST /api/v1/incidents/:id/approve': rule('responder', 'in part'),
  'POST /api/v1/feedback': rule('responder', 'in part'),
  'POST /api/v1/falco': rule('responder', 'whole'),
  // What changes how picket itself works, and not one incident.
  'POST /api/v1/notifiers/:id/test': rule('admin', 'whole'),
  'POST /api/v1/reranking': rule('admin', 'whole'),
  'POST /api/v1/exceptions': rule('admin', 'whole'),
  'POST /api/v1/exceptions/:id/revoke': rule('admin', 'whole'),
} as const satisfies Readonly<Record<string, Rule>>;
export type RouteName = keyof typeof ROUTE_RULES;

const ruleOf = (route: string): Rule =>
  Object.hasOwn(ROUTE_RULES, route) ? ROUTE_RULES[route as RouteName] : rule('admin', 'whole');

/** The least role that a route takes. */
export const needs = (route: string): Role => ruleOf(route).role;

const reaches = (role: Role, route: string): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needs(route));

/** Why somebody may not, in words; null: they may. */
export function refusal(
  person: { readonly actor: string; readonly role: Role; readonly scope: Scope },
  route: string,
): string | null {
  if (!reaches(person.role, route))
    return `${route}: needs the role ${needs(route)}, ${person.actor} is ${person.role}`;
  if (person.scope !== null && !ruleOf(route).scoped)
    return `${route}: is for those who may see all namespaces, ${person.actor} is for some`;
  return null;
}
