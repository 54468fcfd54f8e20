/** Events of audit.k8s.io/v1 in the shapes that a real API server (1.35) sends. */
let ids = 0;

export interface Asked {
  readonly id?: string;
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly verb?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly apiGroup?: string;
  readonly uri?: string;
  readonly code?: number;
  readonly stage?: string;
  readonly source?: string;
  readonly agent?: string;
  readonly object?: unknown;
  readonly atMs?: number;
}

export const T0 = Date.parse('2026-11-02T10:00:00.000Z');

export function auditEvent(asked: Asked = {}): Record<string, unknown> {
  ids += 1;
  const code = asked.code ?? 200;
  const time = new Date(asked.atMs ?? T0).toISOString();
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Request',
    auditID: asked.id ?? `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`,
    stage: asked.stage ?? 'ResponseComplete',
    requestURI: asked.uri ?? '/api/v1/x',
    verb: asked.verb ?? 'get',
    user: { username: asked.user ?? 'ada', groups: asked.groups ?? ['team-a', 'system:authenticated'] },
    sourceIPs: [asked.source ?? '192.0.2.7'],
    userAgent: asked.agent ?? 'kubectl/v1.35.4 (linux/amd64) kubernetes/abcdef0',
    objectRef: {
      resource: asked.resource ?? 'pods',
      ...(asked.subresource === undefined ? {} : { subresource: asked.subresource }),
      namespace: asked.namespace ?? 'shop',
      name: asked.name ?? 'web-0',
      apiGroup: asked.apiGroup ?? '',
      apiVersion: 'v1',
    },
    responseStatus: { metadata: {}, code },
    ...(asked.object === undefined ? {} : { requestObject: asked.object }),
    requestReceivedTimestamp: time,
    stageTimestamp: time,
    annotations: { 'authorization.k8s.io/decision': code === 403 ? 'forbid' : 'allow' },
  };
}

/** What one `kubectl exec` gives: two ways of asking, each in two stages, with two ids. */
export function execEvents(
  command: readonly string[],
  asked: Asked & { readonly container?: string; readonly fallsBack?: boolean } = {},
): Record<string, unknown>[] {
  const query = [
    ...command.map((word) => `command=${encodeURIComponent(word)}`),
    `container=${asked.container ?? 'web'}`,
    'stdin=true&stdout=true&tty=true',
  ].join('&');
  const { namespace = 'shop', name = 'web-0', fallsBack = false } = asked;
  const uri = `/api/v1/namespaces/${namespace}/pods/${name}/exec?${query}`;
  const of = { ...asked, uri, subresource: 'exec', namespace, name };
  const way = (verb: string, code: number) => {
    const [first] = [auditEvent({ ...of, verb, code, stage: 'ResponseStarted' })];
    return [
      first,
      auditEvent({ ...of, verb, code, id: String(first?.['auditID']), stage: 'ResponseComplete' }),
    ];
  };
  return (fallsBack ? [...way('get', 400), ...way('create', 101)] : way('get', 101)).flatMap((event) =>
    event === undefined ? [] : [event],
  );
}
