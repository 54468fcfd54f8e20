/** Kinds of programs by the file name of their executable; shared by facts and rules. */

const set = (names: string): ReadonlySet<string> => new Set(names.split(' '));

export const SHELLS = set('sh bash dash ash zsh ksh mksh fish csh tcsh rbash');

/** Language interpreters, without version numbers. */
export const INTERPRETERS = set(
  'python perl ruby node nodejs php lua luajit java tclsh deno bun awk gawk mawk',
);

/** `python3.11` → `python`, `php8.2` → `php`. */
const VERSION = /[-.]?\d+(\.\d+)*$/;

/** The name without its version: `python3.11` → `python`. */
export const baseProgram = (exe: string): string => exe.replace(VERSION, '') || exe;
