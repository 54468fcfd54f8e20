/** Of which clusters and namespaces a person sees and does anything: `prod/shop,test/*`, without one of all. */
import { matchesGlob } from '../../kit/glob.ts';

/** `namespace` is - for what is of no namespace: services of a node, the node itself. */
export interface Place {
  readonly cluster: string;
  readonly namespace: string;
}
/** Null: everywhere. */
export type Scope = readonly Place[] | null;

const ONE = /^([A-Za-z0-9._*-]{1,253})\/([a-z0-9.*-]{1,253})$/;

/** The scope of a text, or null when it is none. */
export function parseScope(text: string): readonly Place[] | null {
  const places = text.split(',').map((one) => {
    const [, cluster, namespace] = ONE.exec(one) ?? [];
    return cluster === undefined || namespace === undefined ? null : { cluster, namespace };
  });
  return places.some((place) => place === null) ? null : places.filter((place) => place !== null);
}

export const scopeText = (scope: Scope): string =>
  scope === null ? '' : scope.map(({ cluster, namespace }) => `${cluster}/${namespace}`).join(',');

export const covers = (scope: Scope, { cluster, namespace }: Place): boolean =>
  scope === null ||
  scope.some((one) => matchesGlob(one.cluster, cluster) && matchesGlob(one.namespace, namespace));

/** Where a workload is, by its key cluster/namespace/kind/name/container; what is no such key is nowhere. */
export function placeOfWorkload(workload: string): Place {
  const [cluster = '', namespace = ''] = workload.split('/');
  return { cluster, namespace: namespace === '' ? '-' : namespace };
}
