/** The demo's acts: an ordinary day, an attack, what picket makes of it, and the way back. Every claim is proved. */
import { join } from 'node:path';
import { actionInWords } from '../../central/respond/plan.ts';
import { agentClient } from '../client/agent-client.ts';
import { followAlertLog, type RawLine } from '../client/alert-log.ts';
import type { IncidentAnswer, IncidentLine, ListedContainment, WorkloadLine } from '../client/answers.ts';
import { type PeopleClient, peopleClient } from '../client/people-client.ts';
import { count } from '../text.ts';
import { run } from './run.ts';
import { ask, endShells, type Scene, waitConnection } from './scene.ts';
import { until } from './wait.ts';

/** The demo cannot go on: something that had to happen did not. */
export class DemoError extends Error {
  readonly code = 'PICKET_DEMO';
}

const LEARN_LIMIT_MS = 90_000;
/** The first delivery takes milliseconds, unless picket is faster. */
const THEFT_LIMIT_MS = 1500;
const SEEN_LIMIT_MS = 10_000;
const DECIDED_LIMIT_MS = 15_000;
const GRAVE: readonly string[] = ['critical', 'high'];

async function need<T>(
  scene: Scene,
  what: string,
  limitMs: number,
  look: () => Promise<T | null> | T | null,
): Promise<T> {
  const found = await until(limitMs, scene.signal, look);
  if (found === null) throw new DemoError(`${what} did not happen within ${limitMs / 1000} s`);
  return found;
}

const span = (ms: number): string =>
  ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;

export async function ordinaryDay(scene: Scene): Promise<void> {
  const { story, shop } = scene;
  story.part('An ordinary day');
  story.tell(
    `The sample shop runs in ${shop.sandbox.containers.length} containers: two replicas of web, stock, customer.`,
  );
  story.tell('picket watches and learns what they normally do.');
  const agent = agentClient(scene.folder);
  let told = 0;
  await need(scene, 'learning the workload web', LEARN_LIMIT_MS, async () => {
    const { workloads } = (await agent.get('/workloads')) as { workloads: WorkloadLine[] };
    const web = workloads.find((each) => each.workload.endsWith('/Deployment/web/web'));
    if (web === undefined) return null;
    if (web.periods >= told + 3 && web.state === 'learning') {
      told = web.periods;
      story.tell(`web: ${web.periods} windows of 5 s learnt.`);
    }
    return web.state === 'learning' ? null : web;
  });
  story.tell('web is learnt: from now on, what it never did before counts.');
  const inside = await waitConnection(scene, shop.web[0], Date.now() - 1000, true);
  story.prove(
    'before the attack, web reaches its stock service',
    inside === 'connected',
    `from inside: ${inside}`,
  );
  const outside = await ask(scene, shop.web[0], '/items');
  story.prove(
    'before the attack, web serves its customers',
    outside === 'status 200',
    `from outside: ${outside}`,
  );
}

/** @returns when the attack's request was sent, Unix ms. */
export async function attack(scene: Scene): Promise<number> {
  const { story, shop } = scene;
  story.part('The attack');
  const at = Date.now();
  const reply = await ask(scene, shop.web[0], `/report?host=${encodeURIComponent(shop.payload)}`);
  story.tell(`From outside, one request to /report smuggles a shell command into web (${reply}).`, at);
  const first = await until(
    THEFT_LIMIT_MS,
    scene.signal,
    () => shop.taken.find((fact) => fact.at >= at) ?? null,
  );
  if (first === null)
    story.tell(
      'The shell reads /etc/shadow and tries to send it out, once a second: nothing has arrived yet.',
    );
  else
    story.tell(
      `The shell reads /etc/shadow and sends it out, once a second: the attacker has ${first.taken} bytes.`,
      first.at,
    );
  return at;
}

/** What the agent wrote about the container since the attack: its lines, up to and with the first alert. */
export async function seen(scene: Scene, lines: readonly RawLine[], attackedAt: number): Promise<void> {
  const { story, shop } = scene;
  story.part('What the agent saw');
  const about = (): RawLine[] =>
    lines.filter(
      ({ value }) => value.container?.id === shop.web[0].id && Date.parse(value.time) >= attackedAt - 1,
    );
  await need(
    scene,
    'an alert about the attacked container',
    SEEN_LIMIT_MS,
    () => about().find(({ value }) => value.kind === 'alert') ?? null,
  );
  const detections = about().filter(({ value }) => value.kind === 'detection');
  const grave = detections.filter(({ value }) => GRAVE.includes(value.severity));
  for (const { value } of grave.slice(0, 5))
    story.tell(`${value.severity}: ${value.summary} [${value.detector}]`, Date.parse(value.time));
  const weak = detections.filter(({ value }) => !GRAVE.includes(value.severity));
  if (weak.length > 0)
    story.tell(`and ${count(weak.length, 'weaker sign')}, such as: ${weak[0]?.value.summary}`);
  const alert = about().findLast(({ value }) => value.kind === 'alert')?.value;
  story.tell(
    `One alert of it all: ${alert?.title} (${alert?.severity}, ${alert?.id}).`,
    Date.parse(alert?.time ?? ''),
  );
  for (const sentence of alert?.explanation?.slice(0, 2) ?? []) story.tell(`  ${sentence}`);
  const first = Math.min(...detections.map(({ value }) => Date.parse(value.time)));
  story.prove(
    'the agent detected the attack',
    detections.length > 0,
    `${count(detections.length, 'detection')}, the first ${span(first - attackedAt)} after the request`,
  );
}

/** Waits for the containment to be in force. */
export async function decided(scene: Scene, people: PeopleClient): Promise<ListedContainment> {
  const { story, shop } = scene;
  story.part('What central decided');
  const isOurs = (incident: IncidentLine): boolean =>
    incident.involved.some(({ id }) => id === shop.web[0].id);
  const incident = await need(
    scene,
    'an incident',
    DECIDED_LIMIT_MS,
    async () =>
      ((await people.get('/api/v1/incidents')) as { incidents: IncidentLine[] }).incidents.find(isOurs) ??
      null,
  );
  story.tell(`Incident ${incident.id}: ${incident.title} (${incident.severity}).`, incident.firstMs);
  const containment = await need(scene, 'a containment', DECIDED_LIMIT_MS, async () => {
    const all = ((await people.get('/api/v1/containments')) as { containments: ListedContainment[] })
      .containments;
    return all.find((each) => each.container.id === shop.web[0].id && each.state === 'applied') ?? null;
  });
  const { plans } = (await people.get(`/api/v1/incidents/${incident.id}`)) as IncidentAnswer;
  for (const step of plans[0]?.steps ?? [])
    story.tell(
      `Plan: ${step.verdict}, because ${step.because}: ${actionInWords(step.action)}.`,
      plans[0]?.madeMs,
    );
  const until = new Date(containment.untilMs).toTimeString().slice(0, 8);
  story.tell(`Signed order ${containment.id}: ${containment.state} by the agent, until ${until}.`);
  return containment;
}

export async function cutOff(scene: Scene, attackedAt: number): Promise<void> {
  const { story, shop } = scene;
  story.part('Is it cut off?');
  const since = Date.now();
  const inside = await waitConnection(scene, shop.web[0], since, false);
  story.prove(
    'from inside, web can reach nothing',
    inside !== null,
    `its own connection to stock: ${inside ?? 'still works'}`,
  );
  const outside = await ask(scene, shop.web[0], '/');
  story.prove('from outside, web cannot be reached', !outside.startsWith('status'), outside);
  const taken = shop.taken.length;
  await until(2500, scene.signal, () => null);
  const more = shop.taken.length - taken;
  const lastAt = shop.taken.at(-1)?.at;
  const before =
    lastAt === undefined
      ? 'nothing ever arrived'
      : `${count(taken, 'parcel')} before, the last ${span(lastAt - attackedAt)} after the request`;
  story.prove('the theft has stopped', more === 0, `${before}; ${more} in the last 2.5 s`);
  const sibling = await ask(scene, shop.web[1], '/items');
  story.prove('the other replica still serves', sibling === 'status 200', sibling);
}

export async function undo(scene: Scene, containment: ListedContainment): Promise<void> {
  const { story, shop } = scene;
  story.part('The way back');
  const shells = await endShells(scene, shop.web[0]);
  story.tell(
    `The operator ends the attacker's shell (${shells} of its processes) and takes the containment back.`,
  );
  const [file = '', ...prefix] = scene.picket;
  const args = [
    'undo',
    containment.id,
    '--reason',
    'demo: the shell was ended',
    '--state-folder',
    scene.folder,
    '--api-listen',
    scene.apiListen,
  ];
  const since = Date.now();
  const ended = await run(file, [...prefix, ...args], { env: scene.environment });
  story.tell(`picket undo ${containment.id}: ${(ended.stdout || ended.stderr).trim().split('\n')[0]}`);
  story.prove('undo was accepted', ended.code === 0, `exit code ${ended.code}`);
  const inside = await need(
    scene,
    'a connection from inside',
    DECIDED_LIMIT_MS,
    () => shop.connections(shop.web[0]).find((fact) => fact.at > since && fact.out === 'connected') ?? null,
  );
  story.prove(
    'from inside, web reaches its stock service again',
    true,
    `${inside.out} ${span(inside.at - since)} after the undo`,
  );
  const outside = await ask(scene, shop.web[0], '/items');
  story.prove('from outside, web serves again', outside === 'status 200', outside);
}

/** All acts in order. @throws DemoError when something that had to happen did not. */
export async function perform(scene: Scene): Promise<void> {
  const people = peopleClient({ stateFolder: scene.folder, apiListen: scene.apiListen });
  await ordinaryDay(scene);
  const lines: RawLine[] = [];
  const following = new AbortController();
  const follow = (async () => {
    const log = join(scene.folder, 'agent', 'alerts.ndjson');
    for await (const line of followAlertLog(log, 'end', following.signal)) lines.push(line);
  })();
  try {
    const attackedAt = await attack(scene);
    await seen(scene, lines, attackedAt);
    const containment = await decided(scene, people);
    await cutOff(scene, attackedAt);
    await undo(scene, containment);
  } finally {
    following.abort();
    await follow;
  }
}
