/**
 * Kills agent and central at random moments in the middle of what they do, and looks whether an order was lost or done
 * twice, or a containment left behind. What happens when is drawn from a seed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ListedContainment } from '../../cli/client/answers.ts';
import type { RunningAgent, RunningCentral } from './processes.ts';
import { connects, detectionsIn, eventually, type TestContainer, type World } from './world.ts';

export const DEEDS = ['attack', 'contain', 'freeze', 'kill', 'undo', 'expire'] as const;
type Deed = (typeof DEEDS)[number];
const WHO = ['agent', 'central', 'both'] as const;
type Who = (typeof WHO)[number];

/** How long after the deed began a kill comes at the latest. */
const WITHIN_MS = 150;
/** Until agent and central are of one mind again, on a machine that has other work too. */
const SETTLE_MS = 120_000;
const SHORT_LEASE = '3s';
const EPERM = 1;
const SETTLED = ['applied', 'done', 'failed', 'refused', 'released', 'expired'];

export interface Processes {
  agent: RunningAgent;
  central: RunningCentral;
}
export interface Round {
  readonly deed: Deed;
  readonly who: Who;
  readonly afterMs: number;
  readonly problems: readonly string[];
}

/** mulberry32: small, and the same everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const one = <T>(from: readonly T[], random: () => number): T => from[Math.floor(random() * from.length)] as T;

interface Coded {
  readonly code?: unknown;
}
/** Null where central did not answer. */
function orUnreachable(error: Coded): null {
  if (error.code !== 'PICKET_UNREACHABLE') throw error;
  return null;
}
/** What was asked for before is done. */
function orDone(error: Coded): readonly string[] {
  if (error.code !== 'PICKET_CONFLICT') throw error;
  return [];
}

const isAlive = ({ cgroup }: TestContainer): boolean =>
  readFileSync(join(cgroup.path, 'cgroup.procs'), 'utf8').trim() !== '';
const isFrozen = ({ cgroup }: TestContainer): boolean =>
  /^frozen 1$/m.test(readFileSync(join(cgroup.path, 'cgroup.events'), 'utf8'));

const ACTIONS: Readonly<Record<Exclude<Deed, 'attack'>, Record<string, unknown>>> = {
  contain: { killOnExec: false },
  freeze: { networkDeny: false, killOnExec: false, freeze: true },
  kill: { networkDeny: false, killOnExec: false, kill: true },
  undo: { killOnExec: false, freeze: true },
  expire: { killOnExec: false, freeze: true, lease: SHORT_LEASE },
};

export class Kills {
  private readonly world: World;
  private readonly running: Processes;
  private readonly random: () => number;
  private round = 0;

  constructor(world: World, running: Processes, seed: number) {
    this.world = world;
    this.running = running;
    this.random = randomOf(seed);
  }

  /** A deed, a kill in the middle of it, a start, and what is found then. */
  async next(): Promise<Round> {
    this.round += 1;
    const deed = one(DEEDS, this.random);
    const who = one(WHO, this.random);
    const afterMs = Math.floor(this.random() * WITHIN_MS);
    const container = await this.known(deed);
    const problems: string[] = [];
    if (deed === 'undo') await this.ask(container, deed);
    const [held] = deed === 'undo' ? await this.settled(container) : [];
    const doing = this.begin(deed, container, held);
    await sleep(afterMs);
    await this.kill(who);
    const diedFirst = deed === 'kill' && !isAlive(container);
    const fresh = diedFirst ? await this.successorOf(container) : null;
    await this.start(who);
    const accepted = await doing;
    if (deed !== 'attack' && accepted.length === 0 && !(await this.isOver(deed, container)))
      await this.ask(container, deed, held);
    problems.push(...(await this.look(deed, container, { accepted, held })));
    if (fresh !== null && !isAlive(fresh))
      problems.push('what came in the place of a killed container was killed');
    await this.free(container, problems);
    await Promise.all([container.end(), fresh?.end()]);
    return { deed, who, afterMs, problems };
  }

  private async known(deed: Deed): Promise<TestContainer> {
    const namespace = deed === 'attack' ? 'demo' : 'other';
    const container = await this.world.container({ name: `victim-${this.round}`, namespace });
    await eventually(
      'the agent knows it',
      () => this.running.agent.knows(container.id).catch(orUnreachable),
      SETTLE_MS,
    ).catch(async (error: Error) => {
      throw new Error(`${error.message}: ${await this.running.agent.describe()}`);
    });
    await eventually(
      'central knows it',
      async () => {
        const { containers } = (await this.asked('/api/v1/containers?limit=1000')) as {
          containers: { id: string }[];
        };
        return containers.some(({ id }) => id === container.id);
      },
      SETTLE_MS,
    );
    return container;
  }

  private successorOf({ name, podUid }: TestContainer): Promise<TestContainer> {
    return this.world.container({ name, namespace: 'other', podUid });
  }

  /** What central answers; one that starts, or gets no processor, is asked again. */
  private asked(path: string): Promise<unknown> {
    return eventually(
      'an answer of central',
      () => this.running.central.people.get(path).catch(orUnreachable),
      SETTLE_MS,
    );
  }

  private async ordersOf({ id, podUid }: TestContainer): Promise<readonly ListedContainment[]> {
    const { containments } = (await this.asked('/api/v1/containments?limit=1000')) as {
      containments: (ListedContainment & { container: { podUid: string } })[];
    };
    return containments.filter(({ container }) => container.id === id || container.podUid === podUid);
  }

  /** Ids of what central said yes to; none when it died before it answered. */
  private async begin(
    deed: Deed,
    container: TestContainer,
    held?: ListedContainment,
  ): Promise<readonly string[]> {
    if (deed === 'attack') {
      const secret = join(this.world.folder, 'shadow');
      writeFileSync(secret, 'made up\n');
      await container.run(`cat ${secret} > /dev/null`);
      return [];
    }
    return (await this.post(deed, container, held).catch(orUnreachable)) ?? [];
  }

  private async post(
    deed: Deed,
    container: TestContainer,
    held?: ListedContainment,
  ): Promise<readonly string[]> {
    const { people } = this.running.central;
    if (held !== undefined) {
      const undone = await people.post(`/api/v1/containments/${held.id}/undo`, { reason: 'test' });
      return [(undone as { release: { id: string } }).release.id];
    }
    const action = ACTIONS[deed as Exclude<Deed, 'attack'>];
    const body = { container: container.id, lease: '10m', reason: 'test', ...action };
    const made = (await people.post('/api/v1/containments', body)) as { containments: { id: string }[] };
    return made.containments.map(({ id }) => id);
  }

  /** A short lease may have begun and ended before there was somebody to ask again: asking then is another deed. */
  private async isOver(deed: Deed, container: TestContainer): Promise<boolean> {
    return deed === 'expire' && (await this.ordersOf(container)).length > 0;
  }

  /** Who was told nothing asks again, and is told when it was done the first time. */
  private async ask(container: TestContainer, deed: Deed, held?: ListedContainment): Promise<void> {
    await eventually(
      'an answer of central',
      () => this.post(deed, container, held).catch(orDone).catch(orUnreachable),
      SETTLE_MS,
    );
  }

  private async kill(who: Who): Promise<void> {
    const { agent, central } = this.running;
    await Promise.all([
      ...(who === 'central' ? [] : [agent.kill()]),
      ...(who === 'agent' ? [] : [central.kill()]),
    ]);
  }

  private async start(who: Who): Promise<void> {
    const { agent, central } = this.running;
    if (who !== 'agent') this.running.central = await central.again();
    if (who !== 'central') this.running.agent = await agent.again();
  }

  private settled(container: TestContainer): Promise<readonly ListedContainment[]> {
    return eventually(
      'its orders have an answer',
      async () => {
        const orders = await this.ordersOf(container);
        return orders.length > 0 && orders.every(({ state }) => SETTLED.includes(state)) ? orders : null;
      },
      SETTLE_MS,
    );
  }

  private async look(
    deed: Deed,
    container: TestContainer,
    { accepted, held }: { accepted: readonly string[]; held?: ListedContainment | undefined },
  ): Promise<readonly string[]> {
    if (deed === 'attack' && (await this.wasUnseen(container))) return [];
    const orders = await this.settled(container);
    const problems: string[] = [];
    const ids = orders.map(({ id }) => id);
    if (held === undefined)
      for (const id of accepted) if (!ids.includes(id)) problems.push(`order ${id} was accepted and is gone`);
    if (orders.length > 1) problems.push(`${orders.length} orders of one deed`);
    const wanted = {
      attack: 'applied',
      contain: 'applied',
      freeze: 'applied',
      kill: 'done',
      undo: 'released',
      expire: 'expired',
    };
    await eventually(
      `state ${wanted[deed]}`,
      async () => (await this.ordersOf(container)).every(({ state }) => state === wanted[deed]),
      SETTLE_MS,
    ).catch(async (error: Error) => {
      problems.push(
        `${error.message}: ${(await this.ordersOf(container)).map(({ state, detail }) => `${state} ${detail}`)}`,
      );
    });
    if (deed === 'kill' && isAlive(container)) problems.push('what was to be killed is alive');
    if (deed === 'freeze' && !isFrozen(container)) problems.push('what was to be frozen is not');
    if (deed === 'attack' || deed === 'contain') {
      const error = await connects(container);
      if (error !== EPERM) problems.push(`a contained container connects: ${error}`);
    }
    return problems;
  }

  /** The agent was dead when it happened: nobody saw it, so nobody answers. */
  private async wasUnseen(container: TestContainer): Promise<boolean> {
    if (detectionsIn(this.running.agent.alertLog, container.id).length > 0) return false;
    await sleep(3000);
    return detectionsIn(this.running.agent.alertLog, container.id).length === 0;
  }

  /** Takes back what is in force, and looks whether anything stays. */
  private async free(container: TestContainer, problems: string[]): Promise<void> {
    for (const { id, state } of await this.ordersOf(container))
      if (state === 'applied')
        await eventually(
          'an answer of central',
          () =>
            this.running.central.people
              .post(`/api/v1/containments/${id}/undo`, { reason: 'test' })
              .catch(orDone)
              .catch(orUnreachable),
          SETTLE_MS,
        );
    await eventually(
      'it is given back',
      async () => {
        const orders = await this.ordersOf(container);
        const kernel = await this.running.agent.kernel().catch(orUnreachable);
        return (
          kernel !== null &&
          orders.every(({ state }) => state !== 'applied') &&
          !kernel.some(({ cgroup }) => cgroup === container.cgroup.id) &&
          !isFrozen(container)
        );
      },
      SETTLE_MS,
    ).catch((error: Error) => problems.push(error.message));
    if (!isAlive(container)) return;
    const error = await connects(container);
    if (error !== 0) problems.push(`a container that was given back does not connect: ${error}`);
  }
}
