/**
 * The five functions of the metadata proposal that tsyringe, under @peculiar/x509, looks for when it is loaded.
 * Import this file before @peculiar/x509. The package reflect-metadata (50 kB, all of a withdrawn proposal) was
 * refused for it: metadata of classes is all that is asked for.
 */
type Key = string | symbol;
type Table = Map<Key | undefined, Map<unknown, unknown>>;

const tables = new WeakMap<object, Table>();

function own(target: object, property?: Key): Map<unknown, unknown> | undefined {
  return tables.get(target)?.get(property);
}

function defineMetadata(key: unknown, value: unknown, target: object, property?: Key): void {
  const table: Table = tables.get(target) ?? new Map();
  tables.set(target, table);
  const entries = table.get(property) ?? new Map<unknown, unknown>();
  table.set(property, entries);
  entries.set(key, value);
}

const getOwnMetadata = (key: unknown, target: object, property?: Key): unknown =>
  own(target, property)?.get(key);

/** Looks along the prototypes, as the proposal says. */
function getMetadata(key: unknown, target: object, property?: Key): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
    const entries = own(at, property);
    if (entries?.has(key)) return entries.get(key);
  }
  return undefined;
}

const hasOwnMetadata = (key: unknown, target: object, property?: Key): boolean =>
  own(target, property)?.has(key) ?? false;

const metadata =
  (key: unknown, value: unknown) =>
  (target: object, property?: Key): void =>
    defineMetadata(key, value, target, property);

if (!('getMetadata' in Reflect))
  Object.assign(Reflect, { defineMetadata, getMetadata, getOwnMetadata, hasOwnMetadata, metadata });
