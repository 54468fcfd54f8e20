/** What the API server keeps: kinds by their place in its paths, and one object by its name. */
import { KubeError } from './error.ts';

export interface Resource {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly unknown[];
  readonly managedFields?: readonly unknown[];
}

/** As it is in JSON. What a field holds is the API server's word, and of its users: whoever reads one checks it. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** One object. `namespace` is left out for what has none. */
export interface ObjectRef {
  readonly resource: Resource;
  readonly namespace?: string;
  readonly name: string;
}

/** All objects of a kind, of one namespace or of all. */
export interface Collection {
  readonly resource: Resource;
  readonly namespace?: string;
}

const core = (plural: string, kind: string, namespaced = true): Resource => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced,
});

export const PODS = core('pods', 'Pod');
export const NODES = core('nodes', 'Node', false);
export const NAMESPACES = core('namespaces', 'Namespace', false);
export const SERVICES = core('services', 'Service');
export const ENDPOINT_SLICES: Resource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
};
export const EVENTS = core('events', 'Event');

/** `apiVersion` as documents have it. */
export const apiVersionOf = ({ group, version }: Resource): string =>
  group === '' ? version : `${group}/${version}`;

/** Of a part of a path; a name comes from people, and `..` would lead elsewhere. */
function part(name: string, path: string): string {
  if (name === '' || name === '.' || name === '..')
    throw new KubeError({ reason: 'BadName', path, message: `${JSON.stringify(name)} is no name` });
  return encodeURIComponent(name);
}

/** Path of a collection. @throws KubeError `BadName` */
export function pathOf({ resource, namespace }: Collection): string {
  const { group, version, plural } = resource;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${part(namespace, root)}`;
  return `${root}${scope}/${plural}`;
}

/** Path of an object, or of a subresource of it. @throws KubeError `BadName` */
export function objectPath(ref: ObjectRef, subresource?: string): string {
  const collection = pathOf(ref);
  const sub = subresource === undefined ? '' : `/${part(subresource, collection)}`;
  return `${collection}/${part(ref.name, collection)}${sub}`;
}
