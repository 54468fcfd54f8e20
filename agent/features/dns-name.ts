/** Names of the DNS in a form that comes back: what is made up by machines folded, what people register kept. */
import { bounded } from './generalise.ts';

/**
 * Labels under which the public registers, below a country: `co.uk`, `com.au`. A guess instead of the Public Suffix List,
 * whose ten thousand rows change weekly: a name under a suffix that is not here counts to one label too few, which joins
 * registrants of one registry, and never splits one.
 */
const REGISTRIES: ReadonlySet<string> = new Set(
  'ac co com edu gob gov gouv go mil net ne nom or org ltd plc sch nhs police id'.split(' '),
);
/** From here on a label without vowels between its consonants, or with digits among its letters, is taken for made up. */
const RANDOM_LENGTH = 8;
/** English and its neighbours have longer runs of consonants in few words (Knightsbridge: ghtsbr). */
const MAX_CONSONANTS = 5;

/** The labels under which a registrant decides: two, or three below a registry of a country. */
export function registeredDomain(name: string): string {
  const labels = name.split('.');
  const [second = '', top = ''] = labels.slice(-2);
  const deep = labels.length > 2 && top.length === 2 && REGISTRIES.has(second);
  return labels.slice(deep ? -3 : -2).join('.');
}

/** What stands before the registered domain, with its dots; empty: nothing. */
export const below = (name: string, domain: string): string =>
  name.slice(0, Math.max(0, name.length - domain.length - 1));

/** Bits per character by how often each occurs in the text itself (Shannon 1948), without memory: 0 for one character. */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** Letters and digits that change often: `a1b2c3`, not `redis1` or `2024`. */
function changesOften(part: string): boolean {
  let changes = 0;
  for (let i = 1; i < part.length; i++)
    if (/\d/.test(part.charAt(i)) !== /\d/.test(part.charAt(i - 1))) changes += 1;
  return changes >= 2;
}

/** A run of characters that nobody would choose as a name. */
function isRandom(part: string): boolean {
  if (/^\d{2,}$/.test(part)) return true;
  if (/^[0-9a-f]{6,}$/.test(part) && /\d/.test(part)) return true;
  if (part.length < RANDOM_LENGTH) return false;
  if (/\\\d{3}/.test(part)) return true;
  return changesOften(part) || new RegExp(`[bcdfghjklmnpqrstvwxz]{${MAX_CONSONANTS + 1},}`).test(part);
}

/** Parts of a label between hyphens: those that look made up become `*`, as numbers of two digits or more at the end. */
function foldLabel(label: string): string {
  if (/^\d+$/.test(label)) return '*';
  const parts = label.split('-');
  return parts.map((part) => (isRandom(part) ? '*' : part.replace(/\d{2,}$/, '*'))).join('-');
}

/** Several labels in a row that are nothing but made up are one, so that depth says nothing either. */
function joined(labels: readonly string[]): string[] {
  const kept: string[] = [];
  for (const label of labels) if (label !== '*' || kept.at(-1) !== '*') kept.push(label);
  return kept;
}

/** The registered domain as it is, what is below it without what looks random or counts. */
export function generaliseName(name: string): string {
  const domain = registeredDomain(name);
  const labels = below(name, domain);
  if (labels === '') return bounded(domain);
  return bounded([...joined(labels.split('.').map(foldLabel)), domain].join('.'));
}
