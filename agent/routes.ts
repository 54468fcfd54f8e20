/** What the agent answers: its owner on a unix socket, scrapers and the kubelet on a port. */
import { join } from 'node:path';
import type { Containment } from './containment.ts';
import type { Context } from './context.ts';
import { json, type Listening, listenLocal, listenPublic } from './control/server.ts';
import type { Scrape } from './metrics/metrics.ts';
import { MODEL_CHANGES } from './models/care/cards.ts';
import type { PeopleVerdicts } from './people-verdicts.ts';
import type { Pipeline } from './pipeline.ts';
import type { Report } from './report.ts';

interface Told {
  readonly pipeline: Pipeline;
  readonly containment: Containment;
  readonly report: Report;
  /** Gives the pipeline a baseline in place of what it has, as a frame, so that it is in a recording too. */
  readonly baseline: (text: string) => void;
  readonly verdicts: Pick<PeopleVerdicts, 'of'>;
}

/** @throws InUseError when another agent runs with this state folder. */
export async function serveLocal(
  context: Context,
  { pipeline, containment, report, baseline, verdicts }: Told,
): Promise<void> {
  const { folder, lifetime } = context;
  const containers = () =>
    pipeline.containers().map((container) => {
      const { identity, madeAt, ...rest } = container;
      const aliveMs = madeAt === null ? null : Math.round(Number(context.clock.bootNs() - madeAt) / 1e6);
      const resources = pipeline.resourcesOf(container);
      return { ...identity, ...rest, aliveMs, resources, life: pipeline.lifeOf(container) };
    });
  const models = () =>
    pipeline.overview.models().map((card) => ({ ...card, judged: verdicts.of(card.workload) }));
  const profile = (query: URLSearchParams) => {
    const workload = query.get('workload') ?? '';
    const text = pipeline.registry.document(workload);
    return text === null ? unknown(workload) : { status: 200, type: 'application/json', body: `${text}\n` };
  };
  const change = (query: URLSearchParams) => {
    const [workload, to] = [query.get('workload') ?? '', query.get('to') ?? ''];
    if (to !== 'reset' && to !== 'pin' && to !== 'unpin')
      return json({ error: { code: 'PICKET_INVALID', message: `to "${to}", not reset, pin or unpin` } }, 400);
    const text = pipeline.registry.changed(workload, to);
    if (text === null) return unknown(workload);
    baseline(text);
    return json({ workload, changed: to });
  };
  const changeModel = (query: URLSearchParams) => {
    const [workload, model] = [query.get('workload') ?? '', query.get('model') ?? ''];
    const to = MODEL_CHANGES.find((change) => change === query.get('to'));
    if (to === undefined)
      return json(
        { error: { code: 'PICKET_INVALID', message: `to is none of ${MODEL_CHANGES.join(', ')}` } },
        400,
      );
    const changed = pipeline.registry.changedModel(workload, model, to);
    if (changed === null) return unknown(workload);
    if ('problem' in changed)
      return json({ error: { code: 'PICKET_CONFLICT', message: changed.problem } }, 409);
    baseline(changed.text);
    return json({ workload, model, changed: to });
  };
  const listening = await listenLocal(
    join(folder, 'agent.sock'),
    {
      '/status': () => json(plain(report.status())),
      '/workloads': () => json({ workloads: pipeline.overview.workloads() }),
      '/profile': profile,
      'POST /profile': change,
      '/models': () => json({ models: models() }),
      'POST /models': changeModel,
      '/containers': () => json({ containers: containers() }),
      '/containments': () =>
        json({ leases: containment.leases.active(), kernel: containment.kernel?.list() ?? [] }),
    },
    lifetime.onError,
  );
  lifetime.atEnd(() => listening.close());
}

const unknown = (workload: string) =>
  json({ error: { code: 'PICKET_NOT_FOUND', message: `no baseline of "${workload}"` } }, 404);

/** @throws when the port is taken. */
export async function servePublic(context: Context, report: Report, scrape: Scrape): Promise<Listening> {
  const { settings, lifetime } = context;
  const health = () => {
    const found = report.health();
    return json(found, found.alive ? 200 : 503);
  };
  const listening = await listenPublic(
    settings['agent-listen'],
    {
      '/metrics': async () => ({ status: 200, ...(await scrape()) }),
      '/healthz': health,
      '/readyz': () => json({ ready: report.ready }, report.ready ? 200 : 503),
    },
    lifetime.onError,
  );
  lifetime.atEnd(() => listening.close());
  return listening;
}

/** Maps as objects: JSON has none. Of the spool, what is told of it. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    return 'bytes' in value && 'waiting' in value ? { bytes: value.bytes, waiting: value.waiting } : value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, found]) => [key, plain(found)]));
}
