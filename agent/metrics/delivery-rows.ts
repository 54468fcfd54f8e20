/** What becomes of findings: log, spool, uplink, orders, and the canary that proves the way. */
import { one, type Row } from './row.ts';

export const DELIVERY: readonly Row[] = [
  ['alert_log_lines_total', 'Lines written to the alert log.', '', one(({ alertLog }) => alertLog.written)],
  ['alert_log_errors_total', 'Failed writes of the alert log.', '', one(({ alertLog }) => alertLog.errors)],
  ['lost_total', 'What was not delivered, by reason.', 'reason', ({ lost }) => Object.entries(lost)],
  ['frame_errors_total', 'Frames that the pipeline failed on.', '', one(({ frameErrors }) => frameErrors)],
  ['queued_frames', 'Frames that wait for the pipeline.', '', one(({ queuedFrames }) => queuedFrames)],
  ['spool_bytes', 'Size of the spool on disk.', '', one(({ spool }) => spool.bytes)],
  ['spool_waiting', 'Summaries that central has not accepted.', '', one(({ spool }) => spool.waiting)],
  [
    'spool_dropped_total',
    'Summaries given up for room since the spool was made.',
    '',
    one(({ spool }) => spool.dropped),
  ],
  ['summaries_sent_total', 'Summaries that central accepted.', '', one(({ uplink }) => uplink.sent)],
  [
    'summaries_duplicate_total',
    'Summaries that central had accepted before.',
    '',
    one(({ uplink }) => uplink.duplicates),
  ],
  [
    'summaries_refused_total',
    'Entries in summaries that central refused for good.',
    'code',
    ({ uplink }) => uplink.refused,
  ],
  ['uplink_failures_total', 'Failed requests to central, by code.', 'code', ({ uplink }) => uplink.failures],
  [
    'order_streams_total',
    'Times the order stream was opened.',
    '',
    one(({ uplink }) => uplink.streamsOpened),
  ],
  [
    'enrolment_failures_total',
    'Failed enrolments and renewals, by code.',
    'code',
    (numbers) => numbers.enrolmentFailures,
  ],
  ['orders_total', 'Containment orders by what came of them.', 'outcome', ({ orders }) => orders],
  ['leases', 'Containment leases that hold now.', '', one(({ leases }) => leases)],
  [
    'containment_refused',
    '1 while nothing can be contained here, by the code of the reason.',
    'code',
    ({ containmentRefused: code }) => (code === null ? [] : [[code, 1]]),
  ],
  [
    'canaries_total',
    'Harmless programs of its own that the agent started to be seen, by what came of them.',
    'result',
    ({ canary }) => Object.entries(canary.results),
  ],
  [
    'canary_interval_seconds',
    'How often it starts one; 0: never.',
    '',
    one(({ canary }) => canary.intervalMs / 1000),
  ],
  [
    'canary_detect_seconds',
    "From the kernel's record to its line in the alert log, of the last one that was seen.",
    '',
    ({ canary }) => (canary.detectMs === null ? [] : [['', canary.detectMs / 1000]]),
  ],
  [
    'canary_last_success_timestamp_seconds',
    'Unix time of the last one that was seen in time.',
    '',
    ({ canary }) => (canary.provedMs === null ? [] : [['', canary.provedMs / 1000]]),
  ],
  [
    'canary_age_seconds',
    'Time since one was seen in time, or since the start.',
    '',
    one(({ canary }) => canary.ageMs / 1000),
  ],
];
