import { MULTI_CALL } from '../../features/programs.ts';
import type { Rule } from './rule.ts';

const TOOLS = {
  default:
    'nc ncat netcat nc.openbsd nc.traditional socat nmap masscan zmap rustscan tcpdump tshark ettercap hydra medusa john hashcat sqlmap nikto gobuster ffuf chisel frpc ngrok proxychains proxychains4 tor sshuttle xmrig minerd nsenter unshare chroot gdb ptrace strace'.split(
      ' ',
    ),
  sentence: 'Programs for scanning, tunnelling, capturing, cracking and mining, which services do not run.',
} as const;
const NAMES: ReadonlySet<string> = new Set(TOOLS.default);

export const toolInContainer: Rule = {
  name: 'tool-in-container',
  sentence: 'A scanning, tunnelling, capturing, cracking or mining tool was started in a container.',
  techniques: ['T1046', 'T1059'],
  severity: 'medium',
  knobs: { tools: TOOLS },
  on: ['exec'],
  next: 'Ask whether somebody is debugging; if not, look at what the tool was pointed at.',
  match(event, { container }) {
    if (event.kind !== 'exec' || container.kind !== 'container') return null;
    const applet = MULTI_CALL.has(event.exe) ? (event.args[0] ?? '').replace(/^.*\//, '') : '';
    const tool = MULTI_CALL.has(applet) ? (event.args[1] ?? '') : applet || event.exe;
    if (!NAMES.has(tool)) return null;
    return {
      severity: 'medium',
      score: 0.6,
      summary: `${event.parentExe || 'a process'} started the tool ${tool}`,
      subject: `${event.parentExe} ${tool}`,
      techniques: ['T1046', 'T1059'],
      facts: { parent: event.parentExe, tool, path: event.path },
    };
  },
};
