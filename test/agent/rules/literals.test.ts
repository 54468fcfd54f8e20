/** Literals that a regular expression cannot do without: they never hide a match. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { literalsOf, mayMatch } from '../../../agent/rules/literals.ts';

test.each<[string, readonly string[] | null]>([
  ['abc', ['abc']],
  ['abc|de', ['abc', 'de']],
  ['ab.*longer', ['longer']],
  ['x(?:abc|de)y?z', ['abc', 'de']],
  ['ab?cd', ['cd']],
  ['abc+d', ['abc']],
  ['ab{0,3}cd', ['cd']],
  ['\\|\\s{0,4}crontab\\b|@reboot', ['crontab', '@reboot']],
  ['^/usr/\\.hidden$', ['/usr/.hidden']],
  ['(?:abc)?', null],
  ['abc|', null],
  ['[abc]', null],
  ['a', null],
  ['abc\\nde|f.gh', null],
  ['(?=abc)de', null],
  ['(?i:abc)', null],
  ['(ab)\\1', null],
])('of %s', (source, literals) => {
  expect(literalsOf(source)).toEqual(literals);
});

/** As in Numerical Recipes: the same numbers each time. */
function* numbers(seed: number): Generator<number> {
  for (let x = seed; ; ) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    yield x;
  }
}

test('no text that an expression of ours matches is held back', () => {
  const files = 'credentials evasion execution impact network persistence'.split(' ');
  const sources = files.flatMap((name) =>
    [
      ...readFileSync(new URL(`../../../agent/rules/builtin/${name}.yaml`, import.meta.url), 'utf8').matchAll(
        /matches\("((?:[^"\\]|\\.)*)"\)/g,
      ),
    ].map(([, text = '']) => JSON.parse(`"${text.replace(/\s*\n\s*/g, ' ')}"`) as string),
  );
  const pieces = sources.flatMap((source) => source.split(/[^\w/.=@+-]+/)).filter((piece) => piece !== '');
  const random = numbers(7);
  const below = (limit: number): number => (random.next().value as number) % limit;
  let matches = 0;
  for (let n = 0; n < 4000; n += 1) {
    const words = Array.from({ length: 1 + below(6) }, () => pieces[below(pieces.length)] ?? '');
    const text = words.join([' ', '', '/', ' | ', '; '][below(5)]);
    for (const source of sources) {
      if (!new RegExp(source).test(text)) continue;
      matches += 1;
      expect([source, text, mayMatch(source)?.(text) ?? true]).toEqual([source, text, true]);
    }
  }
  expect(sources.length).toBeGreaterThan(30);
  expect(matches).toBeGreaterThan(2000);
});

test('most texts are told at once to have none', () => {
  const may = mayMatch('xmrig|minerd|cpuminer');
  expect(may?.('test -f /run/app.pid && kill -0 7')).toBe(false);
  expect(may?.('')).toBe(false);
  expect(may?.('./xmrig -o')).toBe(true);
});
