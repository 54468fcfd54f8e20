/**
 * What all nodes of a cluster are told: rules that are objects, exceptions, whom addresses belong to. A node says which versions it has; what
 * it has another of comes with the reply. Nothing about a node is kept but what it said last, and of
 * one that is gone nothing.
 */
import { createHash } from 'node:crypto';
import type { Input, Reply } from '../wire/index.ts';
import { PeerTable } from './cluster/peer-table.ts';
import type { SentProfile } from './cluster/profiles.ts';
import type { SentRule } from './cluster/rules.ts';
import type { ExceptionRule } from './correlate/exception.ts';
import type { Judged } from './feedback/judged.ts';
import type { NodeIdentity, ReportedStanding } from './ingest/report.ts';

export interface GuidanceParts {
  /** Those in force now, of files, objects and verdicts. */
  readonly exceptions: () => readonly ExceptionRule[];
  /** What people said of alerts, by workload and detector. */
  readonly judged: () => readonly Judged[];
  readonly nowMs: () => number;
}

/** Of a cluster as Kubernetes is tested with, and as many again. */
const MAX_NODES = 10_000;
/** An agent that has nothing to tell sends a summary every 10 s: a node that was not heard for that long is not counted. It says all again when it comes. */
const GONE_MS = 600_000;
const MAX_EXCEPTIONS = 2000;
const MAX_EXCEPTION_BYTES = 256 * 1024;
const EACH_MS = 1000;
/** Of the last 1000 verdicts, with a handful of detectors each. */
const MAX_JUDGED = 2000;
/** As a node has it that was never told any, or of which nobody said anything. */
const NO_VERDICTS = '0';

type SentVerdicts = Input<NonNullable<Reply['verdicts']>>;
/** What comes with a reply. */
export type Guided = Pick<Input<Reply>, 'rules' | 'exceptions' | 'peers' | 'profiles' | 'verdicts'>;

const versionOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);

/** Whether rules that were sent are in force on a node. */
export type RuleState = 'in-force' | 'refused' | 'waiting';

interface Heard extends ReportedStanding {
  readonly heardMs: number;
}

export class Guidance {
  /** Exceptions that nodes are not told of, because there are too many. */
  exceptionsLeftOut = 0;
  readonly #parts: GuidanceParts;
  /** By cluster; of one that is not here it is not known which there are. */
  readonly #rules = new Map<string, Input<NonNullable<Reply['rules']>>>();
  readonly #peers = new Map<string, PeerTable>();
  readonly #addressesLeftOut = new Map<string, number>();
  readonly #profiles = new Map<string, Input<NonNullable<Reply['profiles']>>>();
  /** The node that was not heard for longest first. */
  readonly #standing = new Map<string, Heard>();
  /** The versions that a node was last told to fetch. */
  readonly #toldOf = new Map<string, string>();
  #madeMs = Number.NEGATIVE_INFINITY;
  #exceptions: Input<NonNullable<Reply['exceptions']>> = { version: '' };
  /** Made anew when people said something. */
  #verdicts: { of: readonly Judged[]; byCluster: Map<string, SentVerdicts> } = {
    of: [],
    byCluster: new Map(),
  };

  constructor(parts: GuidanceParts) {
    this.#parts = parts;
  }

  /** All rules of the cluster from now on. */
  useRules(cluster: string, rules: readonly SentRule[]): void {
    this.#rules.set(cluster, { version: rules.length === 0 ? '' : versionOf(rules), rules });
  }

  /** All profiles that are objects of the cluster from now on. */
  useProfiles(cluster: string, profiles: readonly SentProfile[]): void {
    this.#profiles.set(cluster, { version: profiles.length === 0 ? '' : versionOf(profiles), profiles });
  }

  /** What the cluster's nodes said of the profiles, the last of each. */
  profilesOn(cluster: string): ReportedStanding['profileStates'] {
    return this.#here().flatMap(([key, { profileStates }]) =>
      key.startsWith(`${cluster} `) ? profileStates : [],
    );
  }

  /** Names of all addresses of the cluster from now on. */
  usePeers(cluster: string, peers: ReadonlyMap<string, string>, leftOut: number): void {
    this.#addressesLeftOut.set(cluster, leftOut);
    const table = this.#peers.get(cluster) ?? new PeerTable();
    this.#peers.set(cluster, table);
    table.use(peers);
  }

  /** Addresses with a name, of all clusters. */
  get addresses(): number {
    return [...this.#peers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Addresses that nodes are not told of, because there are too many. */
  get addressesLeftOut(): number {
    return [...this.#addressesLeftOut.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Nodes that have something to fetch and were not told so, at most `most`: those that are told to look need not wait for
   * their next summary. Told once for each version; who does not hear it asks within 10 s anyway.
   */
  behind(most: number): NodeIdentity[] {
    const found: NodeIdentity[] = [];
    const exceptions = this.#exceptionsNow().version ?? '';
    for (const [key, standing] of this.#here()) {
      if (found.length >= most) break;
      const [cluster = '', node = ''] = key.split(' ');
      const rules = this.#rules.get(cluster)?.version ?? standing.rules;
      const peers = this.#peers.get(cluster)?.version ?? standing.peers;
      const profiles = this.#profiles.get(cluster)?.version ?? standing.profiles;
      const wanted = [rules, exceptions, peers, profiles].join(' ');
      const has = [standing.rules, standing.exceptions, standing.peers, standing.profiles].join(' ');
      if (!standing.looks || wanted === has || this.#toldOf.get(key) === wanted) continue;
      this.#toldOf.set(key, wanted);
      found.push({ cluster, node });
    }
    return found;
  }

  /** What the node has another version of. */
  replyTo(node: NodeIdentity, standing: ReportedStanding | null): Guided {
    if (standing === null) return {};
    this.#note(node, standing);
    const rules = this.#rules.get(node.cluster);
    const exceptions = this.#exceptionsNow();
    const peers = this.#peers.get(node.cluster)?.since(standing.peers) ?? null;
    const profiles = this.#profiles.get(node.cluster);
    const verdicts = this.#verdictsFor(node.cluster, standing.verdicts);
    return {
      ...(verdicts === null ? {} : { verdicts }),
      ...(peers === null ? {} : { peers }),
      ...(profiles !== undefined && profiles.version !== standing.profiles ? { profiles } : {}),
      ...(rules !== undefined && rules.version !== standing.rules ? { rules } : {}),
      ...(exceptions.version !== standing.exceptions ? { exceptions } : {}),
    };
  }

  /** What the node said last; null: nothing, not since central began, or not for long. */
  standingOf({ cluster, node }: NodeIdentity): ReportedStanding | null {
    return this.#standing.get(`${cluster} ${node}`) ?? null;
  }

  /** Nodes by what became of the rules that there are now. */
  nodesByRules(): Record<RuleState, number> {
    const states = { 'in-force': 0, refused: 0, waiting: 0 };
    for (const [key, { rules, ruleProblems }] of this.#here()) {
      const wanted = this.#rules.get(key.slice(0, key.indexOf(' ')))?.version ?? '';
      if (rules !== wanted) states.waiting += 1;
      else states[ruleProblems.length === 0 ? 'in-force' : 'refused'] += 1;
    }
    return states;
  }

  #note({ cluster, node }: NodeIdentity, standing: ReportedStanding): void {
    const key = `${cluster} ${node}`;
    this.#standing.delete(key);
    this.#standing.set(key, { ...standing, heardMs: this.#parts.nowMs() });
    const [oldest] = this.#standing.keys();
    if (this.#standing.size > MAX_NODES && oldest !== undefined) this.#forget(oldest);
  }

  /** Nodes that are there still. */
  #here(): [string, Heard][] {
    const goneMs = this.#parts.nowMs() - GONE_MS;
    for (const [key, { heardMs }] of this.#standing) {
      if (heardMs >= goneMs) break;
      this.#forget(key);
    }
    return [...this.#standing];
  }

  #forget(key: string): void {
    this.#standing.delete(key);
    this.#toldOf.delete(key);
  }

  /** Null: it has them, or does not know of any. Nobody waits for them: they come with what is sent anyway. */
  #verdictsFor(cluster: string, has: string): SentVerdicts | null {
    if (has === '') return null;
    const judged = this.#parts.judged();
    if (this.#verdicts.of !== judged) this.#verdicts = { of: judged, byCluster: new Map() };
    const known = this.#verdicts.byCluster.get(cluster) ?? verdictsOf(cluster, judged);
    this.#verdicts.byCluster.set(cluster, known);
    return known.version === has ? null : known;
  }

  /** Looked at once a second, not for each node. */
  #exceptionsNow(): Input<NonNullable<Reply['exceptions']>> {
    const nowMs = this.#parts.nowMs();
    if (nowMs >= this.#madeMs && nowMs - this.#madeMs < EACH_MS) return this.#exceptions;
    this.#madeMs = nowMs;
    const all = this.#parts.exceptions().filter(({ expiresMs }) => expiresMs === null || expiresMs > nowMs);
    const sent = bounded(all.map(sentOf));
    this.exceptionsLeftOut = all.length - sent.length;
    this.#exceptions = { version: sent.length === 0 ? '' : versionOf(sent), exceptions: sent };
    return this.#exceptions;
  }
}

/** Of the cluster's own workloads: a node is not told of others. */
function verdictsOf(cluster: string, all: readonly Judged[]): SentVerdicts {
  const judged = all.filter(({ workload }) => workload.startsWith(`${cluster}/`)).slice(0, MAX_JUDGED);
  return { version: judged.length === 0 ? NO_VERDICTS : versionOf(judged), judged };
}

type Sent = Input<NonNullable<Reply['exceptions']>['exceptions'][number]>;

const sentOf = ({ name, workload, detector, facts, expiresMs }: ExceptionRule): Sent => ({
  name,
  workload,
  detector: detector ?? '',
  facts: { ...facts },
  expiresMs: expiresMs ?? 0,
});

function bounded(all: readonly Sent[]): Sent[] {
  let bytes = 0;
  return all.slice(0, MAX_EXCEPTIONS).filter((one) => {
    bytes += Buffer.byteLength(JSON.stringify(one));
    return bytes <= MAX_EXCEPTION_BYTES;
  });
}
