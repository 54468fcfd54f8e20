import { expect, test } from 'vitest';
import type { Segment } from '../../../agent/uplink/spool.ts';
import {
  alertEntry,
  canaryEntry,
  containerEntry,
  detectionEntry,
  FIELD,
  orderReportEntry,
  sessionEntry,
  sketchesEntry,
  summaryOf,
  tame,
  windowEntry,
} from '../../../agent/uplink/summarize.ts';
import { decodeSummary, encodeSummary, MAX_SUMMARY_BYTES } from '../../../wire/index.ts';
import { summary } from '../../builders/messages.ts';

const header = { boot: summary.boot, bootNs: 1n, wallMs: 1 };
const node = {
  cluster: summary.cluster,
  node: summary.node,
  boot: summary.boot,
  bootNs: summary.clock?.bootNs ?? 0n,
  wallMs: summary.clock?.wallMs ?? 0,
  containers: summary.containers,
  health: summary.health ?? {},
  canaryIntervalMs: summary.canaryIntervalMs,
  ...(summary.standing === null ? {} : { standing: summary.standing }),
};
const entries = [
  ...summary.windows.map(windowEntry),
  ...summary.detections.map(detectionEntry),
  ...summary.alerts.map(alertEntry),
  ...summary.orderReports.map(orderReportEntry),
  ...summary.sessions.map(sessionEntry),
  ...summary.canaries.map(canaryEntry),
  ...summary.sketches.map(sketchesEntry),
];
const segment = (more: Partial<Segment> = {}): Segment => ({
  sequence: summary.sequence,
  header,
  entries,
  goodBytes: 0,
  tornBytes: 0,
  ...more,
});

test('entries that are copied together are the summary that would have been encoded at once', () => {
  expect(decodeSummary(summaryOf(segment(), node))).toEqual(decodeSummary(encodeSummary(summary)));
});

test('field numbers are those of the schema', () => {
  const tags = Object.entries(FIELD).map(([name, field]) => {
    const [first = 0, second = 0] = encodeSummary({ [name]: [{}] });
    const tag = first < 128 ? first : (first & 127) | (second << 7);
    return [name, tag >> 3, field];
  });
  for (const [, found, field] of tags) expect(found).toBe(field);
});

test('a segment of an earlier boot has the clock and the containers of that boot', () => {
  const gone = { ...summary.containers[0], id: 'gone' };
  const old = segment({ header: { ...header, boot: 'f'.repeat(36) }, entries: [containerEntry(gone)] });
  const read = decodeSummary(summaryOf(old, node));
  expect(read.boot).toBe('f'.repeat(36));
  expect(read.clock).toEqual({ bootNs: 1n, wallMs: 1 });
  expect(read.containers.map(({ id }) => id)).toEqual(['gone']);
});

test('a container that went and one that came back are each listed once', () => {
  const [live = {}] = summary.containers;
  const twice = segment({
    entries: [containerEntry(live), containerEntry({ id: 'gone' }), containerEntry({ id: 'gone' })],
  });
  const ids = decodeSummary(summaryOf(twice, node)).containers.map(({ id }) => id);
  expect(ids).toEqual(['a'.repeat(64), 'gone']);
});

test('hostile names come as bounded text without control characters', () => {
  const hostile = `sh\u001b[2J\n"'\u0000${'A'.repeat(5000)}`;
  const [read] = decodeSummary(
    summaryOf(
      segment({ entries: [detectionEntry({ summary: hostile, facts: { [hostile]: hostile } })] }),
      node,
    ),
  ).detections;
  expect(read?.summary.startsWith(`sh\\u001b[2J\\u000a"'\\u0000AAA`)).toBe(true);
  expect(read?.summary).toHaveLength(4096);
  const [key = '', value = ''] = Object.entries(read?.facts ?? {})[0] ?? [];
  expect([key.length, value.length]).toEqual([64, 960]);
});

test('half of a surrogate pair is written out, a whole one is kept', () => {
  expect(tame('a\ud800b\u{1f600}', 100)).toBe('a\\ud800b\u{1f600}');
  expect(tame('\u{1f600}'.repeat(10), 4)).toBe('\u{1f600}…');
});

test('the largest node and a full segment stay below the bound of a summary', () => {
  const wide = 'w'.repeat(300);
  const containers = Array.from({ length: 5000 }, (_, index) => ({
    ...summary.containers[0],
    id: String(index).padStart(64, '0'),
    pod: wide,
    workload: `local/shop/Deployment/${wide}`,
  }));
  const bytes = summaryOf(segment({ entries: [] }), { ...node, containers });
  expect(bytes.length + 256 * 1024).toBeLessThan(MAX_SUMMARY_BYTES);
});
