/**
 * Joins the emitted files of each command into a few, `bundle/*.js`, and makes `cli/main.js` begin there: finding, opening and
 * linking two hundred files was half of what an agent's start takes. Run by the pinned Node: `bundle.mjs FOLDER`. Packages stay
 * where they are. The files that were joined stay too: what starts as a process or a thread of its own begins in one of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';

const folder = process.argv[2];
const MAIN = join('cli', 'main.js');

/** Joined code lies elsewhere: what a file asks of its own place, it is told of the place that it had. */
const places = {
  name: 'places',
  transform(code, id) {
    if (!code.includes('import.meta')) return null;
    const url = `new URL(${JSON.stringify(relative(join(folder, 'bundle'), id))}, import.meta.url)`;
    const answers = {
      url: `${url}.href`,
      filename: `decodeURIComponent(${url}.pathname)`,
      dirname: `decodeURIComponent(new URL('.', ${url}).pathname.slice(0, -1))`,
      // Only what the launcher starts is a program.
      main: String(id === join(folder, MAIN)),
    };
    return code.replace(/import\.meta\.(\w+)/g, (whole, name) => answers[name] ?? whole);
  },
};

const bundle = await rolldown({
  input: { main: join(folder, MAIN) },
  external: (id) => !/^[./]/.test(id),
  platform: 'node',
  treeshake: false,
  logLevel: 'warn',
  plugins: [places],
});
const { output } = await bundle.write({
  dir: join(folder, 'bundle'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await bundle.close();
const left = output.filter(({ fileName }) =>
  /import\.meta\.(?!url\b)/.test(readFileSync(join(folder, 'bundle', fileName), 'utf8')),
);
if (left.length > 0)
  throw new Error(`bundle.mjs: ${left.map(({ fileName }) => fileName)} asks for its own place`);
writeFileSync(join(folder, MAIN), "import '../bundle/main.js';\n");
