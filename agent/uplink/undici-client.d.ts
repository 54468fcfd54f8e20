// undici's own entry loads fetch, caches and mocks: 12 MB more than its Client and request alone.
declare module 'undici/lib/dispatcher/client.js' {
  import { Client } from 'undici';

  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default Client;
}

declare module 'undici/lib/api/api-request.js' {
  import type { Client, Dispatcher } from 'undici';

  function request(this: Client, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
  // biome-ignore lint/style/noDefaultExport: it is what the package has
  export default request;
}
