/** Programs that are many in one file: which of them a start is, its arguments say. */
import type { ExecEvent } from '../events/event.ts';

/** Busybox and its like are all of Alpine's utilities and its shell; coreutils those of small Red Hat images. */
export const MULTI_CALL: ReadonlySet<string> = new Set(['busybox', 'toybox', 'coreutils']);

/** `coreutils --coreutils-prog-shebang=cat /usr/bin/cat`, as scripts with that first line are started. */
const NAMED = /^--coreutils-prog(?:-shebang)?=(.+)$/;

const lastName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
/** A shell of a login is called with a dash before its name. */
const called = (path: string): string => lastName(path).replace(/^-(?=.)/, '');

/** The applet, and the arguments behind it; as the names of files are, it is the caller's to choose. */
export function appletOf([first = '', ...rest]: readonly string[]): {
  readonly name: string;
  readonly behind: readonly string[];
} {
  const named = NAMED.exec(rest[0] ?? '')?.[1];
  if (named !== undefined) return { name: named, behind: rest.slice(rest[0]?.includes('shebang') ? 2 : 1) };
  const applet = called(first);
  return MULTI_CALL.has(applet)
    ? { name: lastName(rest[0] ?? ''), behind: rest.slice(1) }
    : { name: applet, behind: rest };
}

/** The program that a start is: the file's name, of many in one the applet's. */
export const programOf = ({ exe, args }: Pick<ExecEvent, 'exe' | 'args'>): string =>
  MULTI_CALL.has(exe) ? appletOf(args).name || exe : exe;
