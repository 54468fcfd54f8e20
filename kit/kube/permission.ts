/**
 * What a part of ours may ask of the API server, in the shape of a rule of a Role. Whoever asks declares it beside its code;
 * the chart's roles are compared with the sum.
 */
export interface Permission {
  readonly apiGroups: readonly string[];
  /** With subresources: `pods/eviction`. */
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
  /** Only in the namespace that picket is installed in. */
  readonly ownNamespace?: boolean;
  /** Why: one sentence, for whoever grants it. */
  readonly because?: string;
}

/** One line for each group, resource and verb, sorted and once each: what two sets of rules are compared by. */
export function permissionLines(permissions: readonly Permission[]): string[] {
  const lines = permissions.flatMap(({ apiGroups, resources, verbs, resourceNames = [] }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.map((verb) =>
          `${verb} ${resource}${group === '' ? '' : `.${group}`} ${resourceNames.join(',')}`.trim(),
        ),
      ),
    ),
  );
  return [...new Set(lines)].sort();
}
