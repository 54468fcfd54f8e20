/** Folds what differs between two runs of the same behaviour: process ids, hashes, dates, counters, generated names. */

const MAX_VALUE = 512;

// Kubernetes projects secrets through a folder named after the time of writing, such as ..2024_01_31_12_00_00.123456789.
const PROJECTED = /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+$/;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
// A run of 8 or more hex digits with at least one digit in it; shorter or digitless runs are often words.
const HEX = /(?<![0-9a-z])(?=[a-f]*\d)[0-9a-f]{8,}(?![0-9a-z])/gi;
const NUMBER = /\d{3,}/g;
// mktemp(1) and mkstemp(3): a name that ends in .XXXXXX of letters and digits, both cases or with digits.
const TEMPORARY = /([._-])(?=[A-Za-z0-9]*(?:[0-9]|[a-z][A-Z]|[A-Z][a-z]))[A-Za-z0-9]{6,10}$/;

function generaliseName(name: string, inTemporary: boolean): string {
  if (PROJECTED.test(name)) return '..*';
  const folded = name.replace(UUID, '*').replace(HEX, '*').replace(NUMBER, '*');
  return inTemporary ? folded.replace(TEMPORARY, '$1*') : folded;
}

/** A path with what is peculiar to one run folded to `*`. */
export function generalisePath(path: string): string {
  const names = path.split('/');
  const proc = names[1] === 'proc';
  const temporary = /^\/(?:tmp|var\/tmp|dev\/shm|run)\//.test(path);
  const folded = names.map((name, index) => {
    if (proc && index <= 4 && /^\d+$/.test(name)) return '*';
    return generaliseName(name, temporary);
  });
  return bounded(folded.join('/'));
}

/** Values are kept by the thousand: a long one is cut, with its length in place of the rest. */
export function bounded(value: string): string {
  return value.length <= MAX_VALUE ? value : `${value.slice(0, MAX_VALUE)}…(${value.length})`;
}
