/** A list of a rule file, and how a name is looked up in it. */
import { baseProgram } from '../features/programs.ts';

/** `nc.openbsd`, `nc.traditional`: Debian's alternatives. */
const ALTERNATIVE = /\.(?:openbsd|traditional)$/;

/** The name without its version or its alternative's ending, under which lists have it; null: it has neither. */
export function otherFormOf(name: string): string | null {
  const last = name.charCodeAt(name.length - 1);
  if (last >= 0x30 && last <= 0x39) return baseProgram(name);
  return name.includes('.') && ALTERNATIVE.test(name) ? name.replace(ALTERNATIVE, '') : null;
}

export class Names {
  readonly values: ReadonlySet<string>;

  constructor(values: Iterable<string>) {
    this.values = new Set(values);
  }

  has(name: string): boolean {
    if (this.values.has(name)) return true;
    const form = otherFormOf(name);
    return form !== null && this.values.has(form);
  }

  /** Whether the path is in one of the folders that the list names, or below. */
  holds(path: string): boolean {
    for (const folder of this.values)
      if (path.startsWith(folder) && (folder.endsWith('/') || path.charAt(folder.length) === '/'))
        return true;
    return false;
  }
}
