#!/usr/bin/env node
/** The `picket` executable of a built checkout: the launcher without its set-up. */
import { becomePicket } from './setup/command.mjs';
import { SetUpError } from './setup/run.mjs';

try {
  becomePicket(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  process.stderr.write(`picket: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
