/** The roles of install.yaml against what the code declares that it asks of the API server: no verb missing, none unused. */
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { AGENT_PERMISSIONS } from '../../agent/source/kube-pods.ts';
import { CLUSTER_PERMISSIONS } from '../../central/cluster/kinds.ts';
import { ENROL_PERMISSIONS } from '../../central/ingest/token-review.ts';
import { PUBLISH_PERMISSIONS } from '../../central/pki/publish.ts';
import { type Permission, permissionLines } from '../../kit/kube/permission.ts';
import { read } from '../architecture/sources.ts';

/** All who declare any; a new part adds its own here and its rules to the chart. */
const DECLARED: Readonly<Record<string, readonly Permission[]>> = {
  'picket-agent': AGENT_PERMISSIONS,
  'picket-central': [...CLUSTER_PERMISSIONS, ...ENROL_PERMISSIONS, ...PUBLISH_PERMISSIONS],
};

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Permission[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
}

const objects = parseAllDocuments(read('manifests/install.yaml')).map((document) => document.toJS() as Role);
const rolesOf = (account: string, kind: string): Permission[] =>
  objects
    .filter((object) => object.subjects?.some(({ name }) => name === account))
    .flatMap(({ roleRef }) =>
      objects.filter(
        ({ kind: own, metadata }) => own === kind && own === roleRef?.kind && metadata.name === roleRef.name,
      ),
    )
    .flatMap(({ rules }) => rules ?? []);

describe.each(Object.entries(DECLARED))('%s', (account, declared) => {
  test('has in the whole cluster what its code declares', () => {
    const wide = declared.filter(({ ownNamespace }) => ownNamespace !== true);
    expect(permissionLines(rolesOf(account, 'ClusterRole'))).toEqual(permissionLines(wide));
  });

  test('has in its own namespace what its code declares for there', () => {
    const own = declared.filter(({ ownNamespace }) => ownNamespace === true);
    expect(permissionLines(rolesOf(account, 'Role'))).toEqual(permissionLines(own));
  });
});

test('no other account has a role', () => {
  const subjects = objects.flatMap((object) => object.subjects ?? []).map(({ name }) => name);
  expect([...new Set(subjects)].sort()).toEqual(Object.keys(DECLARED).sort());
});
