import { describe, expect, it } from 'vitest';
import { LAYOUT } from '../../agent/events/layout.ts';
import { loadAddon } from '../../native/index.ts';

function addonLayout(): Record<string, number> | string {
  try {
    return loadAddon().layout();
  } catch (error) {
    return (error as Error).message;
  }
}

const layout = addonLayout();
if (typeof layout === 'string') console.log(`skipped: layout: ${layout}`);

describe.skipIf(typeof layout === 'string')('layout', () => {
  const real = layout as Record<string, number>;

  it('is what the decoder of the agent believes', () => {
    const believed = Object.entries(LAYOUT);
    expect(believed.length).toBeGreaterThan(20);
    expect(Object.fromEntries(believed.map(([name]) => [name, real[name]]))).toEqual(LAYOUT);
  });

  it('has the sizes that a record had when its version was given', () => {
    const sizes = Object.fromEntries(Object.entries(real).filter(([name]) => name.startsWith('sizeof ')));
    expect({
      version: real['PICKET_RECORDS_VERSION'],
      contain: real['PICKET_CONTAIN_LAYOUT'],
      ...sizes,
    }).toEqual({
      version: 2,
      'sizeof pair_record': 72,
      'sizeof allowed_peer': 40,
      'sizeof allowed_peers': 1288,
      'sizeof novel_record': 384,
      'sizeof dns_record': 648,
      contain: 2,
      'sizeof record_header': 64,
      'sizeof exec_record': 1448,
      'sizeof exit_record': 72,
      'sizeof open_record': 368,
      'sizeof flow_key': 24,
      'sizeof flow_record': 120,
      'sizeof flow_entry': 104,
      'sizeof cgroup_record': 584,
      'sizeof denied_record': 88,
      'sizeof action_record': 488,
      'sizeof containment': 96,
    });
  });
});
