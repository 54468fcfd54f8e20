/**
 * `node:http` without its module form: to import that reads each name that it exports, WebSocket among them, for which Node
 * compiles the whole of its own undici. That was a quarter of an agent's start, and 4 MB.
 */
export const http = process.getBuiltinModule('node:http');
