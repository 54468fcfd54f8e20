/** CPU time per request of real servers in guarded containers, agent and floor in turn. */
import { makeContainer } from './container.ts';
import { type Known, startGuard } from './guard.ts';
import type { Bench, Figure, Measured, Measurement } from './measurement.ts';
import { OF_MACRO } from './peers.ts';
import { startFloor } from './programs.ts';
import {
  type Client,
  cpuPerRequest,
  httpGet,
  programNamed,
  redisGet,
  type Server,
  startNginx,
  startRedis,
} from './servers.ts';
import { medianInterval, showInterval, spread } from './summary.ts';

interface Load {
  readonly name: keyof typeof OF_MACRO;
  readonly server: Server;
  readonly client: Client;
}

interface Scene {
  readonly loads: readonly Load[];
  readonly servers: readonly Server[];
  /** What is not there: Debian packages. */
  readonly missing: readonly string[];
}

type Times = ReadonlyMap<string, number>;
interface Pair {
  readonly agent: Times;
  readonly floor: Times;
}

/** So long that the interval is of the machine and not of the clock. */
const REQUESTS = 40_000;
const SECONDS = 1;

async function redis(bench: Bench): Promise<Scene> {
  const [server, client] = [programNamed('redis-server'), programNamed('redis-benchmark')];
  if (server === null || client === null)
    return { loads: [], servers: [], missing: ['redis-server and redis-tools'] };
  const started = await startRedis(bench, makeContainer(5), server);
  return {
    loads: [{ name: 'redis get', server: started, client: redisGet(client, REQUESTS) }],
    servers: [started],
    missing: [],
  };
}

async function nginx(bench: Bench): Promise<Scene> {
  const [server, client] = [programNamed('nginx'), programNamed('wrk')];
  if (server === null || client === null) return { loads: [], servers: [], missing: ['nginx-light and wrk'] };
  const started = await startNginx(bench, makeContainer(6), server);
  return {
    loads: [
      { name: 'nginx keep-alive', server: started, client: httpGet(client, SECONDS, false) },
      { name: 'nginx close', server: started, client: httpGet(client, SECONDS, true) },
    ],
    servers: [started],
    missing: [],
  };
}

async function times(bench: Bench, loads: readonly Load[]): Promise<Times> {
  const found = new Map<string, number>();
  for (const { name, server, client } of loads) {
    bench.signal.throwIfAborted();
    found.set(name, await cpuPerRequest(server, client));
  }
  return found;
}

async function agentTimes(bench: Bench, { loads, servers }: Scene): Promise<Times> {
  const known: Known = {
    containers: servers.map(({ container }) => container),
    work: async () => void (await times(bench, loads)),
  };
  const agent = await startGuard(bench, known);
  return times(bench, loads).finally(() => agent.stop());
}

async function floorTimes(bench: Bench, { loads, servers }: Scene): Promise<Times> {
  const [first] = servers;
  if (first === undefined) return new Map();
  const floor = await startFloor(bench.programs, first.container);
  return times(bench, loads).finally(() => floor.stop());
}

function figuresOf(loads: readonly Load[], pairs: readonly Pair[]): Figure[] {
  return loads.map(({ name }) => {
    const of = (side: keyof Pair): number[] => pairs.map((pair) => pair[side].get(name) ?? Number.NaN);
    const [agent, floor] = [of('agent'), of('floor')];
    const ratio = medianInterval(agent.map((value, index) => value / (floor[index] ?? Number.NaN)));
    return {
      what: `${name}: CPU per request, agent ÷ floor`,
      here: `${showInterval(ratio, 3)}; ${spread(agent).median.toFixed(2)} and ${spread(floor).median.toFixed(2)} µs`,
      target: '',
      holds: null,
      others: OF_MACRO[name],
    };
  });
}

async function measure(bench: Bench, scene: Scene): Promise<Measured> {
  const pairs: Pair[] = [];
  const rounds = bench.quick ? bench.pairs : Math.max(30, bench.pairs);
  if (scene.loads.length > 0) {
    bench.progress('macro: learning');
    await agentTimes(bench, scene);
    for (let round = 0; round < rounds; round++) {
      bench.progress(`macro: pair ${round + 1} of ${rounds}`);
      if (round % 2 === 0) {
        const floor = await floorTimes(bench, scene);
        pairs.push({ floor, agent: await agentTimes(bench, scene) });
      } else pairs.push({ agent: await agentTimes(bench, scene), floor: await floorTimes(bench, scene) });
    }
  }
  const absent = scene.missing.map((packages) => ({
    what: `macro loads with ${packages}`,
    here: 'not installed',
    target: '',
    holds: null,
    others: '',
  }));
  const values = pairs.map(({ agent, floor }) => ({ agent: [...agent], floor: [...floor] }));
  return { figures: [...figuresOf(scene.loads, pairs), ...absent], values };
}

async function run(bench: Bench): Promise<Measured> {
  const scenes: Scene[] = [];
  try {
    for (const start of [redis, nginx]) scenes.push(await start(bench));
    return await measure(bench, {
      loads: scenes.flatMap(({ loads }) => loads),
      servers: scenes.flatMap(({ servers }) => servers),
      missing: scenes.flatMap(({ missing }) => missing),
    });
  } finally {
    for (const { servers } of scenes) for (const server of servers) await server.stop();
  }
}

export const macro: Measurement = {
  name: 'macro',
  sentence: 'CPU time per request of redis and nginx in guarded containers, agent and floor in pairs.',
  run,
};
