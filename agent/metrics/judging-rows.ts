/** What is learnt and judged: baselines, models, detectors, rules, exceptions. */
import type { Numbers } from './numbers.ts';
import { one, type Pairs, type Row } from './row.ts';

const ofRules =
  (what: 'evaluations' | 'hits' | 'excepted' | 'errors') =>
  ({ rules }: Numbers): Pairs =>
    [...rules.costs].map(([name, costs]) => [name, costs[what]]);

export const JUDGING: readonly Row[] = [
  ['workloads', 'Workloads with a baseline.', '', one(({ workloads }) => workloads)],
  ['guarding', 'Containers whose new pairs of calls are told.', '', one(({ profiles }) => profiles.guarding)],
  [
    'known_pairs',
    'Pairs of calls that baselines accepted, each as it was written last; a baseline counts from its first change after the start.',
    '',
    one(({ profiles }) => profiles.pairs),
  ],
  ['suspects', 'Facts called anomalous and not learnt.', '', one(({ profiles }) => profiles.suspects)],
  ['versions', 'Versions of images kept in baselines.', '', one(({ profiles }) => profiles.versions)],
  [
    'versions_evicted_total',
    'Versions of images forgotten for room, with what they alone showed.',
    '',
    one(({ profiles }) => profiles.versionsEvicted),
  ],
  [
    'rollouts',
    'Workloads whose image is too new to be judged by itself.',
    '',
    one(({ profiles }) => profiles.rollouts),
  ],
  [
    'inherited_facts',
    'Facts that versions in force take over from those before and have not shown yet, each baseline as it was written last; a baseline counts from its first change after the start.',
    '',
    one(({ profiles }) => profiles.inherited),
  ],
  ['profile_loads_total', 'Known-good sets given to slots.', '', one(({ profiles }) => profiles.loads)],
  [
    'armed_again_total',
    'Pairs of calls that were told and not accepted, armed again.',
    '',
    one(({ profiles }) => profiles.armedAgain),
  ],
  [
    'training_requests_total',
    'Networks of the shape model that were to be trained, by what became of them.',
    'result',
    ({ training }) => [
      ['trained', training.trained],
      ['failed', training.failed],
      ['refused', training.refused],
    ],
  ],
  [
    'evidence_alarms_total',
    'Alerts that stand on evidence alone, in windows that were seen whole.',
    '',
    one(({ promise }) => promise.alarms),
  ],
  ['evidence_hours_total', 'Container-hours that were seen whole.', '', one(({ promise }) => promise.hours)],
  [
    'evidence_budget_hours',
    'Hours of a workload in which one false alarm is promised at most.',
    '',
    one(({ promise }) => promise.budgetHours),
  ],
  [
    'program_starts_total',
    'Programs started, by who was at work: the workload, a runtime, a session, a probe, the node.',
    'role',
    ({ roles }) => Object.entries(roles),
  ],
  ['detections_total', 'Detections by severity.', 'severity', ({ detections }) => detections],
  ['alerts_total', 'New alerts by severity.', 'severity', ({ alerts }) => alerts],
  [
    'detector_detections_total',
    'Detections by detector; all rules are one.',
    'detector',
    ({ byDetector }) => byDetector.detections,
  ],
  [
    'detector_alerts_total',
    'New alerts by the detectors that were part of them as they were opened; all rules are one.',
    'detector',
    ({ byDetector }) => byDetector.alerts,
  ],
  ['windows_total', 'Windows of containers that ended.', '', one(({ costs }) => costs.windows)],
  [
    'detector_seconds_total',
    'Time that a detector took; of what is done for each fact, from each sixteenth. By windows_total: its time for a window.',
    'detector',
    ({ costs }) => [...costs.by].map(([name, { nanoseconds }]) => [name, nanoseconds / 1e9]),
  ],
  [
    'detector_bytes',
    'Memory of the models of a detector, of all workloads, estimated each time a baseline is written.',
    'detector',
    ({ modelBytes }) => modelBytes,
  ],
  [
    'model_drift',
    'Population stability index of what a model says, the highest of all workloads; above 0.25 it is spread otherwise than when it was calibrated.',
    'model',
    ({ care }) => care.drift,
  ],
  [
    'models_drifted',
    'Workloads in which that was too high for two hours of windows on end.',
    'model',
    ({ care }) => care.drifted,
  ],
  [
    'models_stale',
    'Workloads that run, are not pinned and of which nothing was learnt for a day.',
    '',
    one(({ care }) => care.stale),
  ],
  [
    'models_blind',
    'Workloads that run and lose records in a fifth of their windows or more.',
    '',
    one(({ care }) => care.blind),
  ],
  [
    'model_candidates',
    'Newer models that are compared and alert nobody.',
    'model',
    ({ care }) => care.candidates,
  ],
  [
    'model_changes',
    'What became of newer models, of the last 16 changes of each workload: promoted, dropped, rolled-back.',
    'change',
    ({ care }) => care.changes,
  ],
  ['rules', 'Rules in force.', '', one(({ rules }) => rules.size)],
  [
    'guidance_total',
    'Rules and exceptions of central: sets received, files of them unreadable at the start, sets that could not be written.',
    'outcome',
    ({ guidance }) => Object.entries(guidance),
  ],
  ['excepted_total', 'Detections that an exception of central covers.', '', one(({ excepted }) => excepted)],
  [
    'exceptions_unlooked_total',
    'Detections that were not compared with exceptions, as their container had too many in one window: they count.',
    '',
    one(({ unlooked }) => unlooked),
  ],
  [
    'rules_refused',
    '1 while a rule file is not in force because something in its folder is wrong.',
    '',
    one(({ rules }) => Number(rules.refused)),
  ],
  [
    'rule_reloads_total',
    "Readings of the user's rules by what came of them.",
    'outcome',
    ({ rules }) => Object.entries(rules.reloads),
  ],
  ['rule_evaluations_total', 'Events that a rule was asked about.', 'rule', ofRules('evaluations')],
  ['rule_hits_total', 'Matches of a rule.', 'rule', ofRules('hits')],
  ['rule_excepted_total', 'Matches that an exception took back.', 'rule', ofRules('excepted')],
  ['rule_errors_total', 'Conditions that failed, and so did not match.', 'rule', ofRules('errors')],
  [
    'rule_seconds_total',
    'Time a rule took, from each sixteenth event.',
    'rule',
    ({ rules }) => [...rules.costs].map(([name, { nanoseconds }]) => [name, nanoseconds / 1e9]),
  ],
];
