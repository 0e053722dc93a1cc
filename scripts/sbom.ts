/** What is needed here of a CycloneDX document of npm; the rest is passed on. */
export interface Sbom {
  readonly metadata: { readonly component: { readonly name: string } };
  readonly components: readonly {
    readonly 'bom-ref': string;
    readonly name: string;
    readonly properties?: readonly { readonly name: string; readonly value: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

const DEVELOPMENT = 'cdx:npm:package:development';

/**
 * Of an SBOM of everything that is installed, what the package brings to its users. `npm sbom --omit dev` (npm 11.19) also leaves out
 * packages that both need, such as yaml.
 */
export function runtimeSbom<T extends Sbom>(full: T, name: string): T {
  const components = full.components.filter(
    ({ properties = [] }) => !properties.some((one) => one.name === DEVELOPMENT && one.value === 'true'),
  );
  const left = new Set(
    full.components.filter((one) => !components.includes(one)).map((one) => one['bom-ref']),
  );
  return {
    ...full,
    // npm puts the name of the folder there.
    metadata: { ...full.metadata, component: { ...full.metadata.component, name } },
    components,
    dependencies: full.dependencies
      .filter(({ ref }) => !left.has(ref))
      .map((one) => ({ ...one, dependsOn: (one.dependsOn ?? []).filter((ref) => !left.has(ref)) })),
  };
}
