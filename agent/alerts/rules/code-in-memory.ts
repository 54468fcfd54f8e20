import { actionFacts, who } from './privileges.ts';
import { isInterpreter } from './programs.ts';
import type { Rule } from './rule.ts';

const COMPILERS = {
  default:
    'node nodejs deno bun java dotnet mono beam.smp luajit php php-fpm postgres chrome chromium firefox qemu-system-x86_64 wasmtime'.split(
      ' ',
    ),
  sentence: 'Programs that compile while they run, and so make memory executable every time.',
} as const;
const NAMES: ReadonlySet<string> = new Set(COMPILERS.default);

export const codeInMemory: Rule = {
  name: 'code-in-memory',
  sentence: 'A program that is not known to compile while it runs made memory without a file executable.',
  techniques: ['T1055', 'T1620'],
  severity: 'low',
  knobs: { compilers: COMPILERS },
  on: ['action'],
  next: 'Alone it is a library that compiles, such as one for regular expressions, as likely as injected code.',
  match(event, { container }) {
    if (event.kind !== 'action' || container.kind === 'host') return null;
    if (event.action !== 'write-exec' && event.action !== 'make-exec') return null;
    if (NAMES.has(event.exe) || isInterpreter(event.exe)) return null;
    const both = event.action === 'write-exec';
    return {
      severity: 'low',
      score: 0.3,
      summary: `${who(event)} ${event.refused ? 'was refused' : 'has'} memory that ${both ? 'may be written and executed' : 'was written and then made executable'}`,
      subject: `${event.exe} ${event.action}`,
      techniques: ['T1055', 'T1620'],
      facts: actionFacts(event),
    };
  },
};
