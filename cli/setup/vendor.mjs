/**
 * Joins the files of some packages into one file each, beside the emitted code, and points its imports there. Run by
 * the pinned Node: `vendor.mjs FOLDER`. kysely and @peculiar/x509 are some four hundred files; finding and opening
 * them is 0.3 s of processor time of central's start, one file with a warm compile cache 0.04 s. Packages that look
 * for files of their own at run time (pino's workers) stay as they are, and so do CommonJS ones: joined, they would
 * lose their named exports.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';

/** What the code imports, and the file it becomes. */
const JOINED = {
  kysely: 'kysely',
  'kysely/migration': 'kysely-migration',
  '@peculiar/x509': 'x509',
};

const folder = process.argv[2];
const vendor = join(folder, 'vendor');
const input = Object.fromEntries(Object.entries(JOINED).map(([name, file]) => [file, name]));
// As modules with side effects: x509 registers what it parses while it is loaded.
const bundle = await rolldown({
  input,
  platform: 'node',
  treeshake: false,
  logLevel: 'warn',
  // x509's own entry for Node is CommonJS; its `module` is what has named exports.
  resolve: { mainFields: ['module', 'main'] },
});
const { output } = await bundle.write({ dir: vendor, format: 'esm', chunkFileNames: 'shared-[hash].js' });
await bundle.close();
for (const { isEntry, exports, name } of output)
  if (isEntry && exports.length < 2)
    throw new Error(`vendor.mjs: ${name} has no named exports: is it CommonJS?`);

for (const path of readdirSync(folder, { recursive: true })) {
  const file = join(folder, path);
  if (!file.endsWith('.js') || file.startsWith(vendor)) continue;
  const code = readFileSync(file, 'utf8');
  const pointed = code.replace(/(\bfrom |\bimport\()'([^'.][^']*)'/g, (whole, before, name) => {
    if (!Object.hasOwn(JOINED, name)) return whole;
    return `${before}'${relative(dirname(file), join(vendor, `${JOINED[name]}.js`)).replace(/^(?!\.)/, './')}'`;
  });
  if (pointed !== code) writeFileSync(file, pointed);
}
