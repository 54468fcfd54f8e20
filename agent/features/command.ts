/** The shape of a command line: what an interpreter was told to run, without the arguments. */
import { appletOf, MULTI_CALL } from '../identity/applets.ts';
import { bounded, generalisePath } from './generalise.ts';
import { baseProgram, INTERPRETERS, SHELLS } from './programs.ts';

const MAX_COMMANDS = 8;
const KEYWORDS = new Set(
  'if then else elif fi for while until do done case esac in { } ! time exec eval function [[ ]] [ : set export local return'.split(
    ' ',
  ),
);
// `2>/dev/null`, `>& log`, `2>&1`; of a process substitution `<(cmd)` the command stays.
const REDIRECTION = /\d*[<>]+[&|]?\s*[^\s;|&()]*/g;
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** First words of the commands of a shell script, each once, in order of first use. */
export function commandWords(script: string): string[] {
  const words = new Set<string>();
  // A separator within quotes splits too: the word behind it is then no command, but the same one each time.
  for (const part of script.replace(REDIRECTION, ' ').split(/[;|&\n()`]|\$\(/)) {
    const word = part
      .trim()
      .split(/\s+/)
      .map((text) => text.replace(/["'\\]/g, ''))
      .find((text) => text !== '' && !KEYWORDS.has(text) && !ASSIGNMENT.test(text));
    if (word === undefined) continue;
    const name = generalisePath(word);
    if (name !== '' && words.size < MAX_COMMANDS) words.add(name.slice(0, 64));
  }
  return [...words];
}

function scriptOf(args: readonly string[]): { option: string; script: string } | null {
  for (const [index, arg] of args.entries()) {
    if (!arg.startsWith('-')) return null;
    // -c alone or with others, as in `bash -lc`; perl, ruby and node take their program with -e.
    if (/^-[a-z]*[ce]$/i.test(arg)) return { option: arg, script: args[index + 1] ?? '' };
  }
  return null;
}

/** What behind the executable makes this start different from another, or empty. */
export function commandShape(exe: string, args: readonly string[]): string {
  const [, ...rest] = args;
  if (MULTI_CALL.has(exe)) {
    const { name, behind } = appletOf(args);
    return bounded(`${name} ${commandShape(name, [name, ...behind])}`.trim());
  }
  const shell = SHELLS.has(exe);
  if (!shell && !INTERPRETERS.has(baseProgram(exe))) return '';
  const inline = scriptOf(rest);
  if (inline !== null && shell) return bounded(`${inline.option} ${commandWords(inline.script).join(', ')}`);
  if (inline !== null) return `${inline.option} …`;
  const file = rest.find((arg) => !arg.startsWith('-'));
  return file === undefined ? rest.slice(0, 3).join(' ').slice(0, 64) : generalisePath(file);
}
