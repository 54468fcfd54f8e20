/** From an event or a flow to its fact. */
import type { Event, ExecEvent, Flow, FlowEnds, NovelEvent } from '../events/event.ts';
import { isFirst, isRuntimeName } from '../identity/runtimes.ts';
import { actionShape } from './action.ts';
import { capabilityName } from './capability.ts';
import { commandShape } from './command.ts';
import type { Fact } from './fact.ts';
import { bounded, generalisePath } from './generalise.ts';

// Ports from which Linux picks for connections out (ip_local_port_range); a peer's port above it says nothing.
const EPHEMERAL = 32_768;

/** Names a peer that is a workload here: `namespace/Kind/name`, or null. */
export type NameOfAddress = (address: string) => string | null;

function flowFact(flow: FlowEnds, nameOf: NameOfAddress): Fact {
  const protocol = flow.protocol === 'udp' ? 'udp/' : '';
  if (flow.direction === 'accept') return { kind: 'accept', value: `${protocol}${flow.port}` };
  const port = flow.port >= EPHEMERAL ? '*' : String(flow.port);
  return { kind: 'connect', value: `${protocol}${nameOf(flow.peer) ?? flow.peer}:${port}` };
}

const pathOf = (event: NovelEvent): string =>
  `${generalisePath(event.path)}${event.deleted ? ' (deleted)' : ''}`;

function novelFact(event: NovelEvent): Fact {
  switch (event.what) {
    case 'folder-read':
      return { kind: 'folder', value: bounded(`r ${pathOf(event)}`) };
    case 'folder-write':
      return { kind: 'folder', value: bounded(`w ${pathOf(event)}`) };
    case 'library':
      return { kind: 'library', value: bounded(pathOf(event)) };
    case 'capability':
      return { kind: 'capability', value: capabilityName(event.capability) };
    case 'listen': {
      const port = event.port >= EPHEMERAL ? '*' : String(event.port);
      return { kind: 'listen', value: `${event.protocol}:${port}` };
    }
  }
}

/**
 * The parent's name. What enters a container from outside, as its first process or later, is started by the runtime, or by
 * whatever took the process over from it: which of them the kernel names depends on who ended first.
 */
const starterOf = (event: ExecEvent): string =>
  isFirst(event) || isRuntimeName(event.parentExe) ? 'runtime' : event.parentExe;

/** The fact of an event; null for events that say nothing about behaviour (exits, cgroups, denials). */
export function factOf(event: Event, nameOf: NameOfAddress): Fact | null {
  switch (event.kind) {
    case 'exec': {
      const shape = commandShape(event.exe, event.args);
      const path = generalisePath(event.path);
      const value = `${starterOf(event)} > ${path}${shape === '' ? '' : ` ${shape}`}`;
      return { kind: 'exec', value: bounded(value) };
    }
    case 'open': {
      const mode = event.write ? 'w' : 'r';
      return { kind: 'file', value: bounded(`${event.exe} ${mode} ${generalisePath(event.path)}`) };
    }
    case 'flow':
      return flowFact(event, nameOf);
    case 'action':
      // An OOM kill is done to the workload, not by it.
      return event.action === 'oom-kill' ? null : { kind: 'action', value: bounded(actionShape(event)) };
    case 'novel':
      return novelFact(event);
    default:
      return null;
  }
}

/** The fact of an entry of the flow map. */
export const factOfFlow = (flow: Flow, nameOf: NameOfAddress): Fact => flowFact(flow, nameOf);
