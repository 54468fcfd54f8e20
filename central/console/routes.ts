/** What each route of the People API reads or does. */
import type { Incident } from '../correlate/incident.ts';
import type { Notifications } from '../notify/notifications.ts';
import { actionsIn } from '../respond/actions.ts';
import { CLUSTER_ACTION_NAMES } from '../respond/cluster/index.ts';
import type { ClusterOrder } from '../respond/cluster/order.ts';
import { parseDuration } from '../respond/document.ts';
import type { Declined, Ordered, Outcome } from '../respond/execute.ts';
import type { Order } from '../respond/orders.ts';
import { type Action, allowedProblems, DEFAULT_ACTION, NOTHING_TO_ALLOW } from '../respond/policy.ts';
import type { WorkloadView } from '../store/sketches.ts';
import type { TrailHead, TrailVerdict } from '../store/steps.ts';
import type { FoundContainer, Page, Views } from '../store/views.ts';
import { type Answer, ApiError, type Call, done, type Handler, reasonOf, textOf } from './calls.ts';
import { type FeedbackRouteParts, feedbackRoutes } from './feedback-routes.ts';
import type { RouteName } from './roles.ts';
import type { Places } from './within.ts';

const PAGE = { usual: 100, most: 1000 };
/** How far a dry run looks back. */
const DRY_RUN_HOURS = 6;
const LEASE_MS = { min: 1000, max: 7 * 86_400_000 };

/** What people can have done. */
export interface Deeds {
  contain(asked: {
    incident: string;
    containers: readonly FoundContainer[];
    action: Action;
    actor: string;
    reason: string;
  }): Promise<Ordered | Declined>;
  undo(asked: { order: string; actor: string; reason: string }): Promise<Order | ClusterOrder | Declined>;
  approve(asked: {
    incident: string;
    /** The plan that the person has read: another one is not approved. */
    plan?: string;
    actor: string;
    reason: string;
    /** Actions in the cluster that the person may not have done: a plan with one of them is declined. */
    without?: readonly string[];
  }): Promise<Outcome | Declined>;
}
/** What the routes read from and act through. */
export interface RouteParts {
  readonly views: Views;
  readonly incident: (id: string) => Promise<Incident | null>;
  readonly places: Places;
  readonly status: () => Promise<object>;
  /** Who entered which container, and who asked for it. */
  readonly sessions: (page: Page) => Promise<readonly object[]>;
  readonly workloads: (page: { limit: number; offset: number }) => Promise<readonly WorkloadView[]>;
  readonly clusterOrders: (limit: number, incident: string | null) => Promise<readonly ClusterOrder[]>;
  readonly parseHead: (text: string) => TrailHead | null;
  readonly nowMs: () => number;
  readonly verifyTrail: (from: TrailHead | null) => Promise<TrailVerdict>;
  readonly deeds: Deeds;
  readonly notifications: Pick<Notifications, 'notifiers' | 'silences' | 'test'>;
  readonly feedback: FeedbackRouteParts;
  /** An alert of Falco; false: it is none. */
  readonly falco: (body: Call['body']) => Promise<boolean>;
}

const ok = (value: unknown): Answer => ({ status: 200, value });

function whole(
  query: URLSearchParams,
  name: string,
  bounds: { usual: number | null; most: number },
): number | null {
  const text = query.get(name);
  if (text === null) return bounds.usual;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= bounds.most))
    throw new ApiError(
      'PICKET_BAD_REQUEST',
      `${name}: ${JSON.stringify(text)} is not a number up to ${bounds.most}`,
    );
  return value;
}
const limitOf = (query: URLSearchParams): number => whole(query, 'limit', PAGE) ?? PAGE.usual;
const pageOf = (query: URLSearchParams): { limit: number; before: number | null } => ({
  limit: limitOf(query),
  before: whole(query, 'before', { usual: null, most: Number.MAX_SAFE_INTEGER }),
});

function allowOf(body: Call['body'], networkDeny: boolean): readonly string[] {
  const found: unknown = body['allow'] ?? DEFAULT_ACTION.allow;
  if (!Array.isArray(found) || found.some((rule) => typeof rule !== 'string'))
    throw new ApiError('PICKET_BAD_REQUEST', 'allow: not a list of texts');
  const problems = allowedProblems(found);
  if (!networkDeny && found.length > 0) problems.push(NOTHING_TO_ALLOW);
  if (problems.length > 0) throw new ApiError('PICKET_BAD_REQUEST', `allow: ${problems.join('; ')}`);
  return [...new Set<string>(found)];
}
type Flag = 'networkDeny' | 'killOnExec' | 'execDeny' | 'cutProbes' | 'freeze' | 'kill';
function flagOf(body: Call['body'], name: Flag): boolean {
  const value = body[name] ?? DEFAULT_ACTION[name];
  if (typeof value !== 'boolean') throw new ApiError('PICKET_BAD_REQUEST', `${name}: not true or false`);
  return value;
}
function clusterOf(body: Call['body']): readonly string[] {
  const found = body['cluster'] ?? [];
  if (!Array.isArray(found) || found.some((name) => !CLUSTER_ACTION_NAMES.includes(name)))
    throw new ApiError('PICKET_BAD_REQUEST', `cluster: not a list of ${CLUSTER_ACTION_NAMES.join(', ')}`);
  return [...new Set<string>(found)];
}
function actionOf(body: Call['body']): Action {
  const lease = textOf(body, 'lease');
  const leaseMs = lease === '' ? DEFAULT_ACTION.leaseMs : parseDuration(lease);
  if (leaseMs === null || leaseMs < LEASE_MS.min || leaseMs > LEASE_MS.max)
    throw new ApiError(
      'PICKET_BAD_REQUEST',
      `lease: ${JSON.stringify(lease)} is not a duration such as 10m, up to 7d`,
    );
  const networkDeny = flagOf(body, 'networkDeny');
  const action: Action = {
    networkDeny,
    killOnExec: flagOf(body, 'killOnExec'),
    execDeny: flagOf(body, 'execDeny'),
    cutProbes: flagOf(body, 'cutProbes'),
    allow: allowOf(body, networkDeny),
    freeze: flagOf(body, 'freeze'),
    kill: flagOf(body, 'kill'),
    cluster: clusterOf(body),
    leaseMs,
  };
  if (actionsIn(action).length === 0)
    throw new ApiError(
      'PICKET_BAD_REQUEST',
      'networkDeny, killOnExec, execDeny, freeze, kill: all are false and cluster is empty, nothing would be done',
    );
  return action;
}

/** An order as people see it: without its envelope. */
function containment(order: Order | ClusterOrder): object {
  if (!('signed' in order)) return order;
  const { signed, ...rest } = order;
  return rest;
}

async function targetsOf(
  parts: RouteParts,
  body: Call['body'],
): Promise<{ incident: string; containers: readonly FoundContainer[] }> {
  const [incident, container] = [textOf(body, 'incident'), textOf(body, 'container')];
  if (container !== '') {
    if (container.length < 4)
      throw new ApiError('PICKET_BAD_REQUEST', 'container: at least 4 characters of its id');
    const like = await parts.views.containersLike(container);
    const on = textOf(body, 'node');
    const near = on === '' ? like : like.filter(({ node }) => node === on);
    const exact = near.filter(({ id }) => id === container);
    const found = exact.length > 0 ? exact : near;
    if (found.length === 0)
      throw new ApiError(
        'PICKET_NOT_FOUND',
        `container ${JSON.stringify(container)}: no live container has this id`,
      );
    if (found.length > 1)
      throw new ApiError(
        'PICKET_CONFLICT',
        `container ${JSON.stringify(container)}: ${found.length} live containers begin so; say more of the id, or the node`,
      );
    return { incident, containers: found };
  }
  if (incident === '') throw new ApiError('PICKET_BAD_REQUEST', 'incident or container is wanted');
  const known = await parts.incident(incident);
  if (known === null) throw new ApiError('PICKET_NOT_FOUND', `incident ${JSON.stringify(incident)}: unknown`);
  return {
    incident,
    containers: known.involved.map((involved) => ({ cluster: known.cluster, ...involved })),
  };
}

/** Newest first, or by how likely they are real; `rank` is null while no model is in force. */
async function ranked({ views, feedback }: RouteParts, query: URLSearchParams): Promise<object[]> {
  const found = await views.incidents({ ...pageOf(query), state: query.get('state') });
  const incidents = found.map(({ evidence, ...rest }) => ({
    ...rest,
    evidence: evidence.features,
    rank: feedback.reranker.rank(evidence),
  }));
  if (query.get('order') !== 'rank') return incidents;
  return incidents.sort((a, b) => (b.rank ?? b.confidence) - (a.rank ?? a.confidence));
}

function readers(parts: RouteParts) {
  const { views } = parts;
  return {
    'GET /api/v1/status': async () => ok(await parts.status()),
    'GET /api/v1/nodes': async ({ query }) => ok({ nodes: await views.nodes(limitOf(query)) }),
    'GET /api/v1/containers': async ({ query }) => {
      const offset = whole(query, 'offset', { usual: 0, most: 10_000_000 }) ?? 0;
      const live = query.get('all') !== 'true';
      const called = query.get('called') ?? '';
      return ok({ containers: await views.containers({ limit: limitOf(query), offset, live, called }) });
    },
    'GET /api/v1/containers/:id/activity': async ({ id, query }) => {
      const hours = whole(query, 'hours', { usual: DRY_RUN_HOURS, most: 24 * 30 }) ?? DRY_RUN_HOURS;
      return ok(await views.activity(id, parts.nowMs() - hours * 3_600_000));
    },
    'GET /api/v1/workloads': async ({ query }) => {
      const offset = whole(query, 'offset', { usual: 0, most: 10_000_000 }) ?? 0;
      return ok({ workloads: await parts.workloads({ limit: limitOf(query), offset }) });
    },
    'GET /api/v1/incidents': async ({ query }) => ok({ incidents: await ranked(parts, query) }),
    'GET /api/v1/incidents/:id': async ({ id }) => {
      const incident = await parts.incident(id);
      if (incident === null)
        throw new ApiError('PICKET_NOT_FOUND', `incident ${JSON.stringify(id)}: unknown`);
      const of = { incident: id, limit: PAGE.most };
      const [plans, orders, steps] = [
        await views.plans(id),
        await views.orders({ ...of, kind: null }),
        await views.steps({ ...of, before: null }),
      ];
      return ok({ ...incident, plans, orders, steps });
    },
    'GET /api/v1/sessions': async ({ query }) => ok({ sessions: await parts.sessions(pageOf(query)) }),
    'GET /api/v1/alerts': async ({ query }) => ok({ alerts: await views.alerts(pageOf(query)) }),
    'GET /api/v1/containments': async ({ query }) =>
      ok({
        containments: await views.orders({
          incident: query.get('incident'),
          limit: limitOf(query),
          kind: 'contain',
        }),
      }),
    'GET /api/v1/cluster-orders': async ({ query }) =>
      ok({ clusterOrders: await parts.clusterOrders(limitOf(query), query.get('incident')) }),
    'GET /api/v1/audit': async ({ query }) => {
      const text = query.get('from');
      const from = text === null ? null : parts.parseHead(text);
      if (text !== null && from === null)
        throw new ApiError('PICKET_BAD_REQUEST', `from: ${JSON.stringify(text)} is not LINE:HASH`);
      return ok(await parts.verifyTrail(from));
    },
    'GET /api/v1/steps': async ({ query }) =>
      ok({ steps: await views.steps({ ...pageOf(query), incident: query.get('incident') }) }),
    'GET /api/v1/policies': async ({ query }) => ok({ policies: await views.policies(limitOf(query)) }),
    'GET /api/v1/notifiers': async () =>
      ok({ notifiers: parts.notifications.notifiers(), silences: parts.notifications.silences() }),
    'GET /api/v1/dead-letters': async ({ query }) =>
      ok({ deadLetters: await views.deadLetters(limitOf(query)) }),
  } satisfies Partial<Record<RouteName, Handler>>;
}

function doers(parts: RouteParts) {
  return {
    'POST /api/v1/containments': async ({ actor, body }) => {
      const [reason, action] = [reasonOf(body), actionOf(body)];
      const { orders, clusterOrders } = done(
        await parts.deeds.contain({ ...(await targetsOf(parts, body)), action, actor, reason }),
      );
      return { status: 201, value: { containments: orders.map(containment), clusterOrders } };
    },
    'POST /api/v1/containments/:id/undo': async ({ actor, id, body }) => {
      const release = done(await parts.deeds.undo({ order: id, actor, reason: reasonOf(body) }));
      return { status: 201, value: { release: containment(release) } };
    },
    'POST /api/v1/falco': async ({ body }) => {
      if (await parts.falco(body)) return { status: 201, value: {} };
      throw new ApiError('PICKET_BAD_REQUEST', 'body: wanted an alert of Falco: rule, priority, time');
    },
    'POST /api/v1/notifiers/:id/test': async ({ actor, id }) => {
      const failure = await parts.notifications.test(id, actor);
      if (failure === undefined)
        throw new ApiError('PICKET_NOT_FOUND', `notifier ${JSON.stringify(id)}: unknown`);
      return ok({ notifier: id, delivered: failure === null, error: failure?.error ?? '' });
    },
    'POST /api/v1/incidents/:id/approve': async ({ actor, id, body }) => {
      const [reason, plan] = [reasonOf(body), textOf(body, 'plan')];
      const read = plan === '' ? {} : { plan };
      const { printed, orders, clusterOrders } = done(
        await parts.deeds.approve({ incident: id, ...read, actor, reason }),
      );
      return { status: 201, value: { plan: printed, containments: orders.map(containment), clusterOrders } };
    },
  } satisfies Partial<Record<RouteName, Handler>>;
}

export function createRoutes(parts: RouteParts): Readonly<Record<RouteName, Handler>> {
  return { ...readers(parts), ...doers(parts), ...feedbackRoutes(parts.feedback) };
}
