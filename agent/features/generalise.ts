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

// Kubernetes draws names from these letters (rand.SafeEncodeString): five for a pod, eight to ten for its Deployment's
// template before them. Five of them may be a word, unless a digit is among them or what stands before was generated too.
const DRAWN = '[bcdfghjklmnpqrstvwxz2456789]';
const POD_OF_TEMPLATE = new RegExp(`-${DRAWN}{8,10}-${DRAWN}{5}(?![0-9a-z])`, 'g');
const POD_OF_NUMBER = new RegExp(`-\\*-${DRAWN}{5}(?![0-9a-z])`, 'g');
const POD_WITH_DIGIT = new RegExp(`-(?=[a-z]*\\d)${DRAWN}{5}(?![0-9a-z])`, 'g');
const POD = new RegExp(`-${DRAWN}{5}(?![0-9a-z])`, 'g');
/** Where the kubelet names folders and files after pods. */
const POD_FOLDERS = /^\/var\/log\/(?:pods|containers)(?:\/|$)/;
const TEMPORARY_FOLDERS = /^\/(?:tmp|var\/tmp|dev\/shm|run)\//;

function generaliseName(name: string): string {
  if (PROJECTED.test(name)) return '..*';
  return name
    .replace(POD_OF_TEMPLATE, '-*-*')
    .replace(UUID, '*')
    .replace(HEX, '*')
    .replace(POD_WITH_DIGIT, '-*')
    .replace(NUMBER, '*')
    .replace(POD_OF_NUMBER, '-*-*');
}

/** A path with what is peculiar to one run folded to `*`. */
export function generalisePath(path: string): string {
  const names = path.split('/');
  const proc = names[1] === 'proc';
  const [temporary, ofPods] = [TEMPORARY_FOLDERS.test(path), POD_FOLDERS.test(path)];
  const folded = names.map((name, index) => {
    if (proc && index <= 4 && /^\d+$/.test(name)) return '*';
    const folded = generaliseName(name);
    if (ofPods) return folded.replace(POD, '-*');
    return temporary ? folded.replace(TEMPORARY, '$1*') : folded;
  });
  return bounded(folded.join('/'));
}

/** A program as the first word of a fact, whatever it calls itself: what stands after it is not its to choose. */
export const programName = (exe: string): string => exe.replaceAll(/\s/g, '_');

/** Values are kept by the thousand: a long one is cut, with its length in place of the rest. */
export function bounded(value: string): string {
  return value.length <= MAX_VALUE ? value : `${value.slice(0, MAX_VALUE)}…(${value.length})`;
}
