/** Slack's buttons: POST /slack/interactions. The request's signature is who asks; the list of people says who may. */
import type { Log } from '../../kit/log.ts';
import type { Feedback } from '../feedback/feedback.ts';
import { httpTarget } from '../notify/http.ts';
import type { SlackApp, SlackPerson } from '../notify/kinds.ts';
import { pressOf, type SlackHeaders, type SlackPress, slackVerifier } from '../notify/slack-request.ts';
import type { Declined } from '../respond/execute.ts';
import type { Deeds } from './routes.ts';
import { type Places, scopedDeeds, scopedGive } from './within.ts';

export interface SlackActionParts {
  readonly apps: () => readonly SlackApp[];
  readonly deeds: Deeds;
  readonly places: Places;
  readonly feedback: Pick<Feedback, 'give'>;
  readonly nowMs: () => number;
  readonly count: (result: string) => void;
  readonly log: Log;
}
export interface SlackActions {
  /** The status to answer with. Slack wants it within 3 s, so what was asked is done after it. */
  take(headers: SlackHeaders, body: string): number;
  /** Resolves when everything that was taken is done. */
  idle(): Promise<void>;
}

const REASON = 'pressed in Slack';
/** An id, and with an approval the plan that was read. */
const ID = /^[A-Za-z0-9-]{1,80}(\/[A-Za-z0-9-]{1,80})?$/;

/** What is said to the person who pressed. */
async function perform(parts: SlackActionParts, press: SlackPress, actor: string): Promise<string> {
  const { action, value } = press;
  if (!ID.test(value)) return 'This button has no id that picket knows.';
  const told = (result: object | Declined, done: string): string =>
    'declined' in result ? `Not done: ${(result as Declined).message}` : done;
  switch (action) {
    case 'approve': {
      const [incident = '', plan] = value.split('/');
      if (plan === undefined) return 'Not done: this button does not say which plan. Use a newer message.';
      const result = await parts.deeds.approve({ incident, plan, actor, reason: REASON });
      return told(result, `The plan of ${incident} is being carried out.`);
    }
    case 'undo': {
      const result = await parts.deeds.undo({ order: value, actor, reason: REASON });
      return told(result, `${value} is being taken back.`);
    }
    case 'true-positive':
    case 'false-positive': {
      const subject = { kind: 'incident', id: value } as const;
      const result = await parts.feedback.give({ subject, verdict: action, actor, reason: REASON });
      if ('declined' in result) return told(result, '');
      const next =
        action === 'true-positive'
          ? ''
          : ` To keep the like of it out: picket exceptions make ${result.verdict.id}`;
      return `Thank you: ${value} is kept as ${action === 'true-positive' ? 'real' : 'a false alarm'}.${next}`;
    }
    default:
      return 'picket does not know this button.';
  }
}

/** What each button does is a responder's, within the namespaces that the person is for. */
async function said(
  parts: SlackActionParts,
  press: SlackPress,
  person: SlackPerson | undefined,
): Promise<string> {
  if (person === undefined) return `Not done: ${press.user} is not among the people of this notifier.`;
  const { name, role, scope } = person;
  if (role === 'viewer') return `Not done: it needs the role responder, ${name} is viewer.`;
  const deeds = scopedDeeds(parts.deeds, parts.places, scope);
  const feedback = scopedGive(parts.feedback, parts.places, scope);
  return perform({ ...parts, deeds, feedback }, press, `slack:${name}`);
}

/** To the person alone. The address comes in a signed request; its origin is checked all the same. */
async function answer(app: SlackApp, press: SlackPress, text: string): Promise<void> {
  const url = new URL(press.responseUrl);
  if (url.origin !== app.responses) throw new Error(`answers to ${url.origin} are not sent`);
  const target = httpTarget(url.origin);
  try {
    const body = JSON.stringify({ response_type: 'ephemeral', replace_original: false, text });
    await target.post(`${url.pathname}${url.search}`, { 'content-type': 'application/json' }, body);
  } finally {
    await target.close();
  }
}

export function createSlackActions(parts: SlackActionParts): SlackActions {
  const verifier = slackVerifier(parts.nowMs);
  const running = new Set<Promise<void>>();
  const carryOut = async (app: SlackApp, press: SlackPress): Promise<void> => {
    const person = Object.hasOwn(app.people, press.user) ? app.people[press.user] : undefined;
    parts.count(person === undefined ? 'stranger' : person.role === 'viewer' ? 'viewer' : 'taken');
    await answer(app, press, await said(parts, press, person));
  };
  return {
    take(headers, body) {
      const apps = parts.apps();
      const checked = verifier.check(
        headers,
        body,
        apps.map(({ signingSecret }) => signingSecret()),
      );
      const mine = typeof checked === 'number' ? apps[checked] : undefined;
      if (typeof checked === 'string' || mine === undefined) {
        parts.count(String(checked));
        return 401;
      }
      const press = pressOf(body);
      if (press === null) {
        parts.count('unknown');
        return 400;
      }
      const done = carryOut(mine, press)
        .catch((error: unknown) => {
          parts.count('failed');
          parts.log.warn({ err: error, action: press.action }, 'slack action or its answer failed');
        })
        .finally(() => running.delete(done));
      running.add(done);
      return 200;
    },
    idle: async () => {
      await Promise.allSettled(running);
    },
  };
}
