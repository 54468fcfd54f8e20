/** Does the steps that are not done, one process at a time, with a line for people about each. */
import { takeLock } from './lock.mjs';

function say(text) {
  // Standard error: what picket prints on standard output is for programs too.
  process.stderr.write(`${text}\n`);
}

/** Quiet when nothing is to be done. Throws SetUpError when a step fails. */
export function setUp(steps) {
  if (steps.every((step) => step.isDone())) return;
  const release = takeLock((pid) => say(`set-up: waiting for process ${pid}, which is at it in this folder`));
  try {
    const todo = steps.filter((step) => !step.isDone());
    if (todo.length > 0) say(`set-up: ${todo.map((step) => step.name).join(', ')}`);
    for (const step of steps) {
      // Asked again: an earlier step may have changed this one's inputs.
      if (step.isDone()) continue;
      const began = Date.now();
      const words = step.run();
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      say(`set-up: ${step.name}: done in ${seconds} s${words ? ` (${words})` : ''}`);
    }
  } finally {
    release();
  }
}
