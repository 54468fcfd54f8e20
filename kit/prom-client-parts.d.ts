// prom-client's own entry also loads its push gateway and cluster support: 16 MB more than these four.
declare module 'prom-client/lib/counter.js' {
  import { Counter } from 'prom-client';

  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default Counter;
}

declare module 'prom-client/lib/gauge.js' {
  import { Gauge } from 'prom-client';

  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default Gauge;
}

declare module 'prom-client/lib/histogram.js' {
  import { Histogram } from 'prom-client';

  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default Histogram;
}

declare module 'prom-client/lib/registry.js' {
  import { Registry } from 'prom-client';

  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default Registry;
}
