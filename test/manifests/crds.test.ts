import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { RULE_FIELDS } from '../../agent/rules/read-file.ts';
import {
  CLUSTER_PERMISSIONS,
  CONTAINMENTS,
  PICKET_EXCEPTIONS,
  PICKET_NODES,
  PICKET_POLICIES,
  PICKET_PROFILES,
  PICKET_RULES,
} from '../../central/cluster/kinds.ts';
import { CLUSTER_ACTION_NAMES } from '../../central/respond/cluster/index.ts';
import { PolicyError, parsePolicies } from '../../central/respond/policy.ts';
import { type Permission, permissionLines } from '../../kit/kube/permission.ts';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema & { readonly enum?: readonly string[] };
  readonly additionalProperties?: unknown;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly maxProperties?: number;
}
interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly {
      readonly name: string;
      readonly subresources: object;
      readonly additionalPrinterColumns: readonly object[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** Of a structural schema: an unquoted comma in a flow mapping makes others. */
const WORDS =
  /^(x-kubernetes-[a-z-]+|type|description|required|properties|items|additionalProperties|enum|pattern|format|minimum|maximum|(min|max)(Length|Items|Properties))$/;
const FOLDER = new URL('../../manifests/chart/files/crds/', import.meta.url);
const crds = readdirSync(FOLDER).map((file) => parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Crd);
const schemaOf = (kind: string): Schema =>
  crds.find(({ spec }) => spec.names.kind === kind)?.spec.versions[0]?.schema.openAPIV3Schema ?? {};
const at = (schema: Schema, ...path: readonly string[]): Schema =>
  path.reduce<Schema>((found, name) => found.properties?.[name] ?? {}, schema);

/** The fields that the reader of files knows at this place: it names them when it is given another. */
function known(kind: string, ...path: readonly string[]): string[] {
  const inner: Record<string, unknown> = { 'no-such-field': 1 };
  const spec = path.toReversed().reduce<Record<string, unknown>>((body, name) => ({ [name]: body }), inner);
  const document = { apiVersion: 'picket.dev/v1alpha1', kind, metadata: { name: 'a' }, spec };
  try {
    parsePolicies([{ path: 'a', text: JSON.stringify(document) }]);
  } catch (error) {
    if (error instanceof PolicyError)
      return (/no-such-field: no such field; there are (.*)/.exec(error.message)?.[1] ?? '')
        .split(', ')
        .sort();
  }
  return [];
}
const inCrd = (kind: string, ...path: readonly string[]): string[] =>
  Object.keys(at(schemaOf(kind), 'spec', ...path).properties ?? {}).sort();

describe('custom resources', () => {
  test('are those of the code', () => {
    const ours = [
      PICKET_POLICIES,
      PICKET_EXCEPTIONS,
      PICKET_RULES,
      PICKET_PROFILES,
      CONTAINMENTS,
      PICKET_NODES,
    ].map((resource) => [
      `${resource.plural}.${resource.group}`,
      resource.kind,
      resource.version,
      resource.namespaced ? 'Namespaced' : 'Cluster',
    ]);
    const there = crds.map(({ metadata, spec }) => [
      metadata.name,
      spec.names.kind,
      spec.versions[0]?.name,
      spec.scope,
    ]);
    expect(there.toSorted()).toEqual(ours.toSorted());
  });

  test('a policy has the fields that one in a file has, and its priority', () => {
    expect(inCrd('PicketPolicy')).toEqual([...known('PicketPolicy'), 'priority'].sort());
    for (const part of ['match', 'action', 'limits'])
      expect([part, ...inCrd('PicketPolicy', part)]).toEqual([part, ...known('PicketPolicy', part)]);
    expect(at(schemaOf('PicketPolicy'), 'spec', 'action', 'cluster').items?.enum).toEqual(
      CLUSTER_ACTION_NAMES,
    );
  });

  test('an exception has the fields that one in a file has', () => {
    expect(inCrd('PicketException')).toEqual(known('PicketException'));
    expect(inCrd('PicketException', 'match')).toEqual(known('PicketException', 'match'));
  });

  test('a rule has the fields that one in a file has, but for its name', () => {
    expect([...inCrd('PicketRule'), 'name'].sort()).toEqual(RULE_FIELDS.toSorted());
  });

  test('a containment has a policy’s action on the node', () => {
    const action = inCrd('Containment', 'action');
    expect([...action, 'cluster', 'lease'].sort()).toEqual(known('PicketPolicy', 'action'));
  });

  test('central’s role for them has the rights that it declares, and no other', () => {
    const template = new URL('../../templates/central-custom-resources.yaml', FOLDER);
    // Without what helm fills in: no rule is made by it.
    const text = readFileSync(template, 'utf8').replaceAll(/^.*\{\{.*$/gm, '');
    const documents = parseAllDocuments(text).map((document) => document.toJS() as { rules?: Permission[] });
    const rules = documents.flatMap((document) => document.rules ?? []);
    expect(permissionLines(rules)).toEqual(permissionLines(CLUSTER_PERMISSIONS));
  });

  test('every kind has a status of its own, columns, and bounds for all that it holds', () => {
    const unbounded: string[] = [];
    const walk = (schema: Schema, path: string): void => {
      expect(Object.keys(schema).filter((name) => !WORDS.test(name))).toEqual([]);
      if (schema.type === 'array' && schema.maxItems === undefined) unbounded.push(path);
      const closed = schema.enum ?? schema.pattern ?? schema.format ?? schema.maxLength;
      if (schema.type === 'string' && closed === undefined) unbounded.push(path);
      if (schema.additionalProperties !== undefined && schema.maxProperties === undefined)
        unbounded.push(path);
      for (const [name, inner] of Object.entries(schema.properties ?? {})) walk(inner, `${path}.${name}`);
      if (schema.items !== undefined) walk(schema.items, `${path}[]`);
    };
    for (const { spec } of crds)
      for (const version of spec.versions) {
        expect(version.subresources).toEqual({ status: {} });
        expect(version.additionalPrinterColumns.length).toBeGreaterThan(3);
        walk(version.schema.openAPIV3Schema, spec.names.kind);
      }
    expect(unbounded).toEqual([]);
  });
});
