/**
 * Text of strace as calls with facts about their arguments. What is kept is the shape, never the value: the folder and
 * the ending of a path, the names of flags, the error, the port of a connection; file descriptors, addresses, sizes and
 * contents are left out.
 */
import type { Facts } from '../../agent/models/traces/arguments.ts';

export interface Traced {
  readonly calls: string[];
  readonly facts: string[][];
}

/** Folders of a path that are kept: deeper ones are names that programs make up. */
const DEPTH = 6;
const PATH_CALLS =
  /^(open|openat|creat|stat|lstat|access|faccessat|unlink|unlinkat|rename|renameat2?|link|symlink|readlink|chmod|fchmodat|chown|mkdir|mkdirat|rmdir|chdir|getcwd|utime|truncate|execve)$/;
const TEXT = /"((?:[^"\\]|\\.)*)"/g;
/** What a message header happened to hold before the kernel wrote it. */
const STALE = /msg_flags=[A-Z_0-9|]*/g;
const COMMENT = /\/\*.*?\*\//g;

function pathFacts(call: string, rest: string): string[] {
  return [...rest.matchAll(TEXT)].flatMap(([, path = '']) => {
    const folders = path.split('/').slice(0, -1).slice(0, DEPTH);
    return [`${call} in ${folders.join('/')}`, `${call} ending ${/\.[a-z]{1,5}$/.exec(path)?.[0] ?? ''}`];
  });
}

/** Names in capitals, sorted, that are no errors. */
function flagsOf(rest: string): string {
  const bare = rest.replace(TEXT, '').replace(COMMENT, '').replace(STALE, '');
  const names = new Set(bare.match(/\b[A-Z][A-Z0-9_]{2,}\b/g) ?? []);
  return [...names]
    .filter((name) => !/^E[A-Z]+$/.test(name))
    .sort()
    .join('|');
}

/** Null for lines that are no call: signals, exits, resumed halves. */
export function readLine(line: string): { readonly call: string; readonly facts: string[] } | null {
  const [, call, rest = ''] = /^([a-z0-9_]+)\((.*)$/.exec(line) ?? [];
  if (call === undefined) return null;
  const facts = PATH_CALLS.test(call) ? pathFacts(call, rest) : [];
  facts.push(`${call} ${flagsOf(rest)}`, `${call} gave ${/= -1 (E[A-Z0-9]+)/.exec(rest)?.[1] ?? 'no error'}`);
  const port = /^(connect|bind)$/.test(call) ? /sin6?_port=htons\((\d+)\)/.exec(rest)?.[1] : undefined;
  if (port !== undefined) facts.push(`${call} port ${port}`);
  return { call, facts };
}

export function readStrace(text: string): Traced {
  const traced: Traced = { calls: [], facts: [] };
  for (const line of text.split('\n')) {
    const read = readLine(line);
    if (read === null) continue;
    traced.calls.push(read.call);
    traced.facts.push(read.facts);
  }
  return traced;
}

export interface Window {
  readonly calls: readonly string[];
  readonly facts: Facts;
  /** Of the first call. */
  readonly from: number;
}

/** Whole windows, one after the other; what is left at the end is not judged. */
export function windowsOf({ calls, facts }: Traced, length: number): Window[] {
  return Array.from({ length: Math.floor(calls.length / length) }, (_, at) => ({
    calls: calls.slice(at * length, (at + 1) * length),
    facts: facts.slice(at * length, (at + 1) * length),
    from: at * length,
  }));
}
