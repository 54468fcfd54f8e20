/** Whether a rule would be in force on a node with our rules: for who sends it to all nodes. */
import { describeProblem } from './document.ts';
import { rulesWith, type SentRule } from './load.ts';
import { RuleSet } from './rule-set.ts';

/** Everything that is wrong with it, as the compiler tells it, with line and column; empty: nothing. */
export function problemsOf(rule: SentRule): readonly string[] {
  const made = rulesWith({ files: [], problems: [] }, [rule]);
  return made instanceof RuleSet ? [] : made.map(describeProblem);
}
