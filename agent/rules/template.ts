/** Texts with expressions in braces: `{event.who} opened {event.path}`. `{{` is a brace. */
import type { Problem, Text } from './document.ts';
import { type Expression, type ExpressionSource, isProblem } from './expression.ts';
import type { Subject } from './fields.ts';

/** Characters of one value; paths and arguments are the workload's to choose. */
const MAX_VALUE = 512;
const MAX_TEXT = 2048;

export type Template = readonly (string | Expression)[];

export function compileTemplate(
  text: Text,
  expressions: ExpressionSource,
  subject: Subject,
): { template: Template; problems: Problem[] } {
  const template: (string | Expression)[] = [];
  const problems: Problem[] = [];
  for (const { index, 0: whole, 1: inside } of text.text.matchAll(
    /\{\{|\{((?:[^{}"']|"[^"]*"|'[^']*')*)\}|[^{]+|\{/g,
  )) {
    if (inside === undefined) {
      if (whole === '{')
        problems.push({ ...text.place(index), reason: 'a brace that is not closed; a brace itself is {{' });
      template.push(whole === '{{' ? '{' : whole);
      continue;
    }
    const part: Text = { text: inside, place: (offset) => text.place(index + 1 + offset) };
    const found = expressions.compile(part, subject, 'text');
    if (isProblem(found)) problems.push(found);
    else template.push(found);
  }
  return { template, problems };
}

export function fill(template: Template, variables: object): string {
  const parts = template.map((part) =>
    typeof part === 'string' ? part : String(part.run(variables)).slice(0, MAX_VALUE),
  );
  return parts.join('').slice(0, MAX_TEXT);
}
