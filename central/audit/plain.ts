/** Values of unknown JSON, as what they should be; what is something else is empty. */

export type Obj = Readonly<Record<string, unknown>>;

export const objectOf = (value: unknown): Obj =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Obj) : {};

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export const textsOf = (value: unknown): string[] =>
  listOf(value).filter((entry): entry is string => typeof entry === 'string');

// C0, DEL, C1, line separators and halves of surrogate pairs: what moves a cursor, ends a line, or is no text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]/gu;

/** What somebody else wrote, for people to read: control characters written out, at most `most` characters. */
export function tame(text: string, most: number): string {
  const shown = text
    .slice(0, most)
    .replace(UNSAFE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return shown.length <= most && text.length <= most ? shown : `${shown.slice(0, most - 1)}…`;
}
