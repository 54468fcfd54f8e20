/**
 * `node:util` without its module form: to import that reads each name that it exports, for which Node compiles what stands
 * behind them (diff, TextDecoder and more): 6 ms of each start.
 */
export const util = process.getBuiltinModule('node:util');
