/**
 * A prior over facts: how much likelier a new fact is of an attack than of ordinary work, before anything of this workload
 * is known. Logistic regression over what kind of fact it is, trained from our own recorded cases (attacks, and what looks
 * like them and is ordinary), none of which is from a range. `fact-prior.json` has its weights; a test keeps them fresh.
 *
 * For evaluation: `evaluate range --order` says what it gives. It stays out of the agent while that is nothing.
 */
import { readFileSync } from 'node:fs';
import { baseProgram, INTERPRETERS, SHELLS } from '../../../agent/features/programs.ts';
import { SERVERS } from '../../../agent/rules/lineage.ts';

export interface FactPrior {
  readonly bias: number;
  readonly weights: Readonly<Record<string, number>>;
}

export interface FactExample {
  /** Kind and value: `exec nginx > /bin/dash`. */
  readonly fact: string;
  readonly attack: boolean;
}

/** Strength of the pull towards 0, in examples: there are some hundreds. */
const PULL = 2;
const STEPS = 400;
const RATE = 0.5;

function programClass(name: string): string {
  const base = baseProgram(name.slice(name.lastIndexOf('/') + 1));
  if (SHELLS.has(base)) return 'shell';
  if (INTERPRETERS.has(base)) return 'interpreter';
  return SERVERS.has(base) ? 'server' : 'program';
}

const topOf = (path: string): string => path.split('/')[1] ?? '';

function peerTokens(value: string): string[] {
  const [, peer = '', port = ''] = /^(?:udp\/)?(.*):(\d+|\*)$/.exec(value) ?? [];
  const place = /^(?:127\.|::1|\[::1\])/.test(peer)
    ? 'loopback'
    : /^169\.254\./.test(peer)
      ? 'link'
      : /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(peer)
        ? 'private'
        : /^\d+\.\d+\.\d+\.\d+$/.test(peer)
          ? 'public'
          : 'named';
  return [`peer ${place}`, `port ${port === '*' ? 'high' : Number(port) < 1024 ? 'low' : 'middle'}`];
}

/** What of a fact is looked at; the kind comes first. */
export function tokensOf(fact: string): string[] {
  const [kind = '', ...rest] = fact.split(' ');
  const value = rest.join(' ');
  if (kind === 'exec') {
    const [starter = '', program = ''] = value.split(' > ');
    const path = program.split(' ')[0] ?? '';
    return [kind, `starter ${programClass(starter)}`, `starts ${programClass(path)}`, `from ${topOf(path)}`];
  }
  if (kind === 'connect' || kind === 'accept') return [kind, ...peerTokens(value)];
  if (kind === 'action') return [kind, ...rest.filter((word) => /^[a-z]+(?:-[a-z]+)+$|^refused$/.test(word))];
  if (kind === 'file' || kind === 'folder') {
    const mode = rest.find((word) => word === 'r' || word === 'w') ?? '';
    const path = rest.find((word) => word.startsWith('/')) ?? '';
    return [
      kind,
      `${kind} ${mode}`,
      `in ${topOf(path)}`,
      ...(kind === 'file' ? [`by ${programClass(rest[0] ?? '')}`] : []),
    ];
  }
  return [kind];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const round = (x: number): number => Math.round(x * 1e4) / 1e4;

/** Deterministic; both kinds of examples weigh as much. */
export function trainPrior(examples: readonly FactExample[]): FactPrior {
  const rows = examples.map(({ fact, attack }) => ({ tokens: tokensOf(fact), target: attack ? 1 : 0 }));
  const attacks = rows.filter(({ target }) => target === 1).length;
  const shares = [0.5 / Math.max(1, rows.length - attacks), 0.5 / Math.max(1, attacks)];
  const weights = new Map<string, number>();
  let bias = 0;
  for (let step = 0; step < STEPS; step++) {
    const slopes = new Map<string, number>();
    let down = 0;
    for (const { tokens, target } of rows) {
      const sum = tokens.reduce((all, token) => all + (weights.get(token) ?? 0), bias);
      const error = (sigmoid(sum) - target) * (shares[target] ?? 0);
      down += error;
      for (const token of tokens) slopes.set(token, (slopes.get(token) ?? 0) + error);
    }
    bias -= RATE * down;
    for (const [token, slope] of slopes) {
      const weight = weights.get(token) ?? 0;
      weights.set(token, weight - RATE * (slope + (PULL / rows.length) * weight));
    }
  }
  const sorted = [...weights].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    bias: round(bias),
    weights: Object.fromEntries(sorted.map(([token, weight]) => [token, round(weight)])),
  };
}

/** Bits by which the fact speaks for an attack, below 0 against one. */
export function priorBits({ bias, weights }: FactPrior, fact: string): number {
  return tokensOf(fact).reduce((sum, token) => sum + (weights[token] ?? 0), bias) / Math.LN2;
}

export const readPrior = (): FactPrior =>
  JSON.parse(readFileSync(new URL('./fact-prior.json', import.meta.url), 'utf8')) as FactPrior;
