/**
 * Generates wire/generated/messages.{js,d.ts} from the .proto files and, where dist/ exists, copies them into
 * dist/wire/generated. Does nothing when they are up to date. Run by the build step: `node wire/generate.mjs`.
 *
 * The code is that of pbjs (static, minimal runtime) with three changes, so that what is read is a plain value:
 *  - a field whose name ends in `_ns` is a bigint: nanoseconds pass 2^53 after 104 days of uptime;
 *  - every other 64-bit field is a number, and one above 2^53 - 1 is an error, never a rounded value;
 *  - every field is an own property with its default, in the order of the schema; an `optional` one is null when absent.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const sources = ['summary.proto', 'recording.proto'].map((name) => join(here, name));
const output = join(here, 'generated');
const dist = join(here, '..', 'dist', 'wire', 'generated');

/** Digest of everything the output depends on. */
function inputDigest() {
  const hash = createHash('sha256');
  for (const path of [...sources, fileURLToPath(import.meta.url)]) hash.update(readFileSync(path));
  for (const name of ['protobufjs', 'protobufjs-cli'])
    hash.update(readFileSync(join(here, '..', 'node_modules', name, 'package.json')));
  return hash.digest('hex');
}

const LONG = new Set(['uint64', 'int64', 'sint64', 'fixed64', 'sfixed64']);
const isNanoseconds = (field) => LONG.has(field.type) && field.name.endsWith('Ns') && !field.repeated;

/** Absent is a value of its own, null. pbjs makes a choice of one (`_name`) of it. */
const isOptional = (field) => field.options?.proto3_optional === true;

function scalarType(field) {
  if (field.type === 'string') return 'string';
  if (field.type === 'bytes') return 'Uint8Array';
  if (field.type === 'bool') return 'boolean';
  if (isNanoseconds(field)) return 'bigint';
  return field.resolvedType ? field.resolvedType.name : 'number';
}

function typeOf(field) {
  if (field.map) return `Record<string, ${scalarType(field)}>`;
  if (field.repeated) return `${scalarType(field)}[]`;
  return field.resolvedType || isOptional(field) ? `${scalarType(field)} | null` : scalarType(field);
}

function defaultOf(field) {
  if (field.map) return '{}';
  if (field.repeated) return '[]';
  if (field.resolvedType || isOptional(field)) return 'null';
  return {
    string: '""',
    Uint8Array: '$util.newBuffer([])',
    boolean: 'false',
    bigint: '0n',
    number: '0',
  }[scalarType(field)];
}

/** Helpers that the changed code calls. LongBits of the runtime takes { low, high } where its Long is absent. */
const HELPERS = `
const $twoTo49 = 562949953421312;
function $varint(reader, big) {
    let low = 0, high = 0, scale = 1;
    for (let i = 0; i < 10; ++i) {
        if (reader.pos >= reader.len)
            throw $RangeError("index out of range");
        const byte = reader.buf[reader.pos++];
        if (i < 7)
            low += (byte & 127) * scale;
        else
            high += (byte & 127) * 2 ** (7 * (i - 7));
        scale *= 128;
        if (byte < 128) {
            if (big)
                return high === 0 ? BigInt(low) : BigInt.asUintN(64, (BigInt(high) << 49n) + BigInt(low));
            if (high > 15)
                throw $RangeError("number above 2^53 - 1");
            return low + high * $twoTo49;
        }
    }
    throw $Error("invalid varint encoding");
}
function $varints(reader, into) {
    const end = reader.size() + reader.pos;
    while (reader.pos < end)
        into.push($varint(reader, false));
    if (reader.pos !== end)
        throw $RangeError("index out of range");
}
function $long(value) {
    return { low: Number(value & 0xffffffffn), high: Number((value >> 32n) & 0xffffffffn) };
}
`;

/** Replaces and insists that there was something to replace: a new pbjs that writes other code must not go unseen. */
function replace(text, pattern, replacement, least = 1) {
  let count = 0;
  const result = text.replace(pattern, (...found) => {
    count += 1;
    return replacement(...found);
  });
  if (count < least) throw new Error(`wire/generate.mjs: pbjs wrote no ${pattern} (${count} of ${least})`);
  return result;
}

function rewrite(code, types) {
  const reading =
    /if \(typeof \(value = reader\.uint64\(\)\) === "object" \? value\.low \|\| value\.high : value !== 0\)\s+message\.(\w+) = value;\s+else\s+delete message\.\w+;/g;
  const writing =
    /\(typeof message\.(\w+) === "object" \? message\.\w+\.low \|\| message\.\w+\.high : message\.\w+ !== 0\)\)(\s+writer\.uint32\(\d+\))\.uint64\(message\.\w+\)/g;
  let text = replace(
    code,
    reading,
    (_, name) => `message.${name} = $varint(reader, ${name.endsWith('Ns')});`,
  );
  text = replace(text, writing, (_, name, tag) =>
    name.endsWith('Ns')
      ? `message.${name} !== 0n)${tag}.uint64($long(message.${name}))`
      : `message.${name} !== 0)${tag}.uint64(message.${name})`,
  );
  text = replace(text, /reader\.uint64s\(message\.(\w+)\)/g, (_, name) => {
    return `$varints(reader, message.${name})`;
  });
  text = replace(text, /reader\.uint64\(\)/g, () => '$varint(reader, false)');
  text = replace(
    text,
    /delete message\.(\w+);/g,
    (_, name) => `message.${name} = message.constructor.prototype.${name};`,
  );
  text = replace(text, /\$util\.Long \? \$util\.Long\.\w+\([\d, true]+\) : 0/g, () => '0');
  for (const type of types) {
    const own = type.fieldsArray.map((field) => `this.${field.name} = ${defaultOf(field)};`);
    const made = new RegExp(`const ${type.name} = function \\(properties\\) \\{[^]*?\\n            \\};`);
    text = replace(text, made, () => `const ${type.name} = function () { ${own.join(' ')} };`);
  }
  return replace(text, /const \$root = /, (found) => `${HELPERS}\n${found}`);
}

function declarations(types) {
  const lines = ["import type { Reader, Writer } from 'protobufjs/minimal.js';", ''];
  for (const type of types) {
    lines.push(`export interface ${type.name} {`);
    for (const field of type.fieldsArray) lines.push(`  ${field.name}: ${typeOf(field)};`);
    for (const choice of type.oneofsArray.filter(({ isProto3Optional }) => !isProto3Optional))
      lines.push(`  readonly ${choice.name}?: ${choice.oneof.map((name) => `'${name}'`).join(' | ')};`);
    lines.push('}', '');
  }
  lines.push('export interface Coder<T> {');
  lines.push('  encode(message: unknown, writer?: Writer): Writer;');
  lines.push('  decode(reader: Reader | Uint8Array, length?: number): T;', '}', '');
  lines.push('export const picket: {', '  readonly v1: {');
  for (const type of types) lines.push(`    readonly ${type.name}: Coder<${type.name}>;`);
  return `${[...lines, '  };', '};'].join('\n')}\n`;
}

async function generate() {
  const { default: pbjs } = await import('protobufjs-cli/pbjs.js');
  const { default: protobuf } = await import('protobufjs');
  const root = protobuf.loadSync(sources).resolveAll();
  const types = root.lookup('picket.v1').nestedArray.filter((found) => found instanceof protobuf.Type);
  for (const type of types)
    for (const field of type.fieldsArray) {
      const where = `wire/generate.mjs: ${type.name}.${field.name}`;
      if (LONG.has(field.type) && field.type !== 'uint64')
        throw new Error(`${where}: only uint64 is handled, not ${field.type}`);
      if (isOptional(field) && isNanoseconds(field))
        throw new Error(`${where}: nanoseconds are never optional`);
    }
  const leave = ['create', 'verify', 'delimited', 'service', 'convert', 'typeurl', 'comments'];
  const flags = ['-t', 'static-module', '-w', 'esm', '-r', 'picket', ...leave.map((name) => `--no-${name}`)];
  const code = await new Promise((resolve, reject) => {
    pbjs.main([...flags, ...sources], (error, text) => (error ? reject(error) : resolve(text)));
  });
  return { code: rewrite(code, types), types: declarations(types) };
}

function writeWhole(path, text) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

const header = `// Generated by wire/generate.mjs from wire/*.proto; inputs ${inputDigest()}\n`;
const script = join(output, 'messages.js');
if (!existsSync(script) || !readFileSync(script, 'utf8').startsWith(header)) {
  const { code, types } = await generate();
  mkdirSync(output, { recursive: true });
  writeWhole(join(output, 'messages.d.ts'), header + types);
  writeWhole(script, header + code);
}
if (existsSync(join(dist, '..', '..'))) {
  mkdirSync(dist, { recursive: true });
  for (const name of ['messages.js', 'messages.d.ts']) copyFileSync(join(output, name), join(dist, name));
}
