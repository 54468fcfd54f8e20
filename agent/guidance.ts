/**
 * What central sends to all nodes: rules, what people said is normal and what of alerts, and whom addresses belong to. In force from when it comes, and
 * kept on the disk, so that an agent that starts without central has it too.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Input, Reply, SentExceptions, SentPeers, SentRules, Standing } from '../wire/index.ts';
import type { Context } from './context.ts';
import type { Frame } from './events/frame.ts';
import type { ClusterPeers } from './identity/cluster-peers.ts';
import { isKeptVerdicts, type PeopleVerdicts } from './people-verdicts.ts';
import type { RuleBook } from './rules/book.ts';
import { isKeptProfiles, type SentProfileBook } from './sent-profiles.ts';
import { tame } from './uplink/summarize.ts';

export interface GuidanceParts {
  readonly rules: RuleBook;
  /** Into the pipeline, as a frame, so that it is in a recording too. */
  readonly push: (frame: Frame) => void;
  /** Names of addresses as the pipeline has them. */
  readonly profiles: SentProfileBook;
  readonly peers: Pick<ClusterPeers, 'version' | 'document'>;
  readonly verdicts: PeopleVerdicts;
}

export type SentPart = 'rules' | 'exceptions' | 'peers' | 'profiles' | 'verdicts';

export interface GuidanceCounts {
  /** Sets that came, and those that were in force already. */
  received: number;
  /** Files that could not be read at the start: central sends it again. */
  unreadable: number;
  /** Sets that a full disk did not take: they are in force until the agent ends. */
  unwritten: number;
}

/** Of all rules together; central sends no more. */
export const MAX_RULES_BYTES = 512 * 1024;
const MAX_RULES = 500;
const MAX_PROBLEM = 1000;
const RULES = 'sent-rules.json';
const EXCEPTIONS = 'sent-exceptions.json';
const PEERS = 'sent-peers.json';
const PROFILES = 'sent-profiles.json';
const VERDICTS = 'sent-verdicts.json';

type Part = typeof RULES | typeof EXCEPTIONS | typeof PEERS | typeof PROFILES | typeof VERDICTS;

export class Guidance {
  readonly counts: GuidanceCounts = { received: 0, unreadable: 0, unwritten: 0 };
  readonly #context: Context;
  readonly #parts: GuidanceParts;
  /** Versions that were received, whether or not they are in force. */
  readonly #held = { rules: '', exceptions: '' };
  /** Version of the names that are on the disk. */
  #written = '';
  #tooMuch: string | null = null;

  constructor(context: Context, parts: GuidanceParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** What an earlier agent kept. */
  open(): void {
    const rules = this.#read(RULES, isKeptRules);
    if (rules !== null) this.#useRules(rules);
    const exceptions = this.#read(EXCEPTIONS, isKeptExceptions);
    if (exceptions !== null) this.#useExceptions(exceptions);
    const profiles = this.#read(PROFILES, isKeptProfiles);
    if (profiles !== null) this.#parts.profiles.restore(profiles);
    const verdicts = this.#read(VERDICTS, isKeptVerdicts);
    if (verdicts !== null) this.#parts.verdicts.use(verdicts);
    const peers = this.#read(PEERS, isKeptPeers);
    if (peers === null) return;
    this.#written = peers.version;
    this.#parts.push({ kind: 'peers', text: JSON.stringify(peers) });
  }

  /** What came with a reply; rules are compiled here, and in force when this resolves. */
  async receive({ rules, exceptions, peers, profiles, verdicts }: Pick<Reply, SentPart>): Promise<void> {
    if (verdicts !== null && verdicts.version !== this.#parts.verdicts.version) {
      this.counts.received += 1;
      this.#parts.verdicts.use(verdicts);
      this.#write(VERDICTS, JSON.stringify(this.#parts.verdicts.kept()));
    }
    if (profiles !== null && profiles.version !== this.#parts.profiles.version) {
      this.counts.received += 1;
      this.#parts.profiles.use(profiles);
      this.#write(PROFILES, JSON.stringify(this.#parts.profiles.kept()));
    }
    if (peers !== null) {
      this.counts.received += 1;
      this.#parts.push({ kind: 'peers', text: JSON.stringify(peers) });
    }
    if (exceptions !== null && exceptions.version !== this.#held.exceptions) {
      this.counts.received += 1;
      this.#useExceptions(exceptions);
      this.#write(EXCEPTIONS, JSON.stringify(exceptions));
    }
    if (rules === null || rules.version === this.#held.rules) return;
    this.counts.received += 1;
    this.#useRules(rules);
    this.#write(RULES, JSON.stringify(rules));
    await this.refresh();
  }

  /** Reads rule files and what was sent, if any of it changed. */
  async refresh(): Promise<void> {
    const { log, settings } = this.#context;
    const folder = settings['rules-folder'];
    const outcome = await this.#parts.rules.refresh();
    const facts = { folder, sent: this.#held.rules };
    if (outcome.kind === 'loaded') log.info({ ...facts, rules: outcome.rules }, 'rules loaded');
    else if (outcome.kind === 'refused')
      log.warn({ ...facts, problems: outcome.problems }, 'rules refused, those before stay in force');
  }

  /** Names of addresses change often, and come again whole: what is on the disk may be some time old. */
  keepPeers(): void {
    const { peers } = this.#parts;
    if (peers.version === this.#written) return;
    this.#written = peers.version;
    this.#write(PEERS, peers.document());
  }

  /** What of it stands here, for central. */
  standing(): Input<Standing> {
    const problems = this.#tooMuch === null ? this.#parts.rules.problems : [this.#tooMuch];
    const { peers, profiles, verdicts } = this.#parts;
    const of = { peers: peers.version, profiles: profiles.version, profileStates: profiles.states() };
    return {
      ...this.#held,
      ...of,
      verdicts: verdicts.version,
      looks: true,
      ruleProblems: problems.map((problem) => tame(problem, MAX_PROBLEM)),
    };
  }

  #useRules({ version, rules }: SentRules): void {
    this.#held.rules = version;
    const bytes = rules.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    this.#tooMuch =
      rules.length > MAX_RULES || bytes > MAX_RULES_BYTES
        ? `${rules.length} rules of ${bytes} bytes were sent, more than ${MAX_RULES} or ${MAX_RULES_BYTES} bytes`
        : null;
    if (this.#tooMuch === null) this.#parts.rules.send(rules);
  }

  #useExceptions({ version, exceptions }: SentExceptions): void {
    this.#held.exceptions = version;
    this.#parts.push({ kind: 'exceptions', text: JSON.stringify({ exceptions }) });
  }

  /** Null: there is none, or it has another shape. */
  #read<T>(name: Part, isKept: (value: unknown) => value is T): T | null {
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.#context.folder, name), 'utf8'));
      if (isKept(value)) return value;
      this.counts.unreadable += 1;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.counts.unreadable += 1;
    }
    return null;
  }

  #write(name: Part, text: string): void {
    const path = join(this.#context.folder, name);
    const aside = `${path}.${randomBytes(4).toString('hex')}`;
    try {
      writeFileSync(aside, text, { mode: 0o600, flush: true });
      renameSync(aside, path);
    } catch (error) {
      this.counts.unwritten += 1;
      this.#context.lifetime.onError(error);
    }
  }
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const isVersioned = (value: unknown): value is Json & { readonly version: string } =>
  isObject(value) && typeof value['version'] === 'string';

const isRule = (value: unknown): boolean =>
  isObject(value) && typeof value['name'] === 'string' && typeof value['text'] === 'string';

function isKeptRules(value: unknown): value is SentRules {
  if (!isVersioned(value)) return false;
  const { rules } = value as Json;
  return Array.isArray(rules) && rules.every(isRule);
}

/** Each of them is looked at by the pipeline, as it reads recordings too. */
const isKeptExceptions = (value: unknown): value is SentExceptions =>
  isVersioned(value) && Array.isArray((value as Json)['exceptions']);

const isKeptPeers = (value: unknown): value is SentPeers => isVersioned(value);
