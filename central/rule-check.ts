/**
 * Rules that people give as objects, compiled as a node compiles them. The one door to the agent's code: the language has one
 * compiler, which is loaded once there is a rule to compile.
 */
import type { CheckRule } from './cluster/rules.ts';

export const checkRule: CheckRule = async (rule) => {
  const { problemsOf } = await import('../agent/rules/check.ts');
  return problemsOf(rule);
};
