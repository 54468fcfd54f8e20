// undici's own entry loads fetch, caches and mocks: 12 MB more than its Client, Pool and request alone.
declare module 'undici/lib/dispatcher/client.js' {
  import { Client } from 'undici';

  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default Client;
}

declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';

  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default Pool;
}

declare module 'undici/lib/api/api-request.js' {
  import type { Client, Dispatcher, Pool } from 'undici';

  function request(this: Client | Pool, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default request;
}
