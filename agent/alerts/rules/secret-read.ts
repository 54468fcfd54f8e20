import type { Event, OpenEvent } from '../../events/event.ts';
import { isRingOperation, RING } from '../../features/action.ts';
import type { ContainerKind } from '../../identity/container.ts';
import { isInterpreter, isShell, isTool } from './programs.ts';
import type { Rule } from './rule.ts';

interface Secret {
  readonly what: string;
  readonly pattern: RegExp;
  readonly technique: string;
  /** Programs whose work it is to read it. */
  readonly readers: ReadonlySet<string>;
  /** Any program of its own container reads it in normal operation: only shells and tools count. */
  readonly ownUse: boolean;
}

const set = (names: string): ReadonlySet<string> => new Set(names.split(' '));
const ACCOUNTS = set(
  'sshd sshd-session sshd-auth login su sudo passwd chpasswd chage chfn chsh useradd usermod userdel groupadd groupmod groupdel gpasswd ' +
    'newusers newgrp pwck pwconv vipw unix_chkpwd cron crond atd systemd systemd-sysusers systemd-logind polkitd accounts-daemon gdm lightdm ' +
    'dpkg rpm screen vlock agetty getent nscd sssd sulogin shadowconfig',
);

const SECRETS: readonly Secret[] = [
  {
    what: 'password hashes',
    pattern: /\/g?shadow-?$/,
    technique: 'T1003.008',
    readers: ACCOUNTS,
    ownUse: false,
  },
  {
    what: 'a service-account token',
    pattern: /(?:\/serviceaccount\/(?:\.\.[^/]*\/)?token|\/\.\.\d{4}_[^/]*\/token)$/,
    technique: 'T1528',
    readers: set('kubelet containerd dockerd crio'),
    ownUse: true,
  },
  {
    what: 'SSH keys',
    pattern:
      /\/\.ssh\/(?:id_[^/]*(?<!\.pub)|identity|authorized_keys2?|[^/]*\.pem|[^/]*_key)$|\/ssh_host_[^/]*_key$/,
    technique: 'T1552.004',
    readers: set('sshd sshd-session sshd-auth ssh ssh-agent ssh-add ssh-keygen ssh-keysign scp sftp git'),
    ownUse: false,
  },
  {
    what: 'cloud or registry credentials',
    pattern:
      /\/(?:\.aws\/(?:credentials|sso\/cache\/[^/]+|cli\/cache\/[^/]+)|\.azure\/[^/]+\.json|\.config\/gcloud\/[^/]+|application_default_credentials\.json|\.docker\/config\.json)$/,
    technique: 'T1552.001',
    readers: set('aws az gcloud docker podman skopeo helm terraform kubectl'),
    ownUse: true,
  },
  {
    what: 'cluster credentials',
    pattern:
      /\/(?:\.kube\/config|kubernetes\/(?:admin|super-admin|kubelet|controller-manager|scheduler|bootstrap-kubelet)\.(?:conf|kubeconfig)|kubernetes\/pki\/(?:[^/]+\/)*[^/]+\.key|kubelet\/pki\/[^/]+\.(?:pem|key))$/,
    technique: 'T1552.007',
    readers: set(
      'kubelet kubectl kubeadm helm kube-apiserver kube-scheduler kube-controller-manager etcd k3s rke2',
    ),
    ownUse: false,
  },
];

type Opening = Pick<OpenEvent, 'path' | 'write' | 'exe' | 'process'>;

const O_ACCMODE = 3n;

/** Also what is opened through io_uring, by the name that was asked for: a link to a secret is not seen there. */
function openingOf(event: Event): Opening | null {
  if (event.kind === 'open') return event;
  if (event.kind !== 'action' || event.path === '') return null;
  if (!isRingOperation(event, RING.openat) && !isRingOperation(event, RING.openat2)) return null;
  const { exe, process, args } = event;
  const path = event.path.startsWith('/') ? event.path : `…/${event.path}`;
  return { path, exe, process, write: (args[1] & O_ACCMODE) !== 0n };
}

/** Whether this reader is no finding: the component whose file it is, or a program using its own. */
function usual(secret: Secret, event: Opening, where: ContainerKind): boolean {
  // The names of a node's own components are believed on the node, where replacing them takes root.
  if (where !== 'container' && secret.readers.has(event.exe)) return true;
  if (secret.ownUse && !isShell(event.exe) && !isTool(event.exe)) return true;
  // An account tool within a container changes accounts there; a secret of the cluster is none of its business.
  return secret.readers === ACCOUNTS && ACCOUNTS.has(event.exe) && event.process.uid === 0;
}

export const secretRead: Rule = {
  name: 'secret-read',
  sentence: 'A program that has no business with it opened a file that holds a secret.',
  techniques: ['T1003.008', 'T1528', 'T1552.001', 'T1552.004', 'T1552.007'],
  severity: 'high',
  knobs: {},
  on: ['open', 'action'],
  next: 'Treat the secret as known to others: replace it, and look where the process connected afterwards.',
  match(from, { container }) {
    const event = openingOf(from);
    if (event === null) return null;
    const secret = SECRETS.find((candidate) => candidate.pattern.test(event.path));
    if (secret === undefined || usual(secret, event, container.kind)) return null;
    const direct = isShell(event.exe) || isTool(event.exe);
    const sure = direct || isInterpreter(event.exe) || event.write;
    const high = container.kind !== 'host' && (direct || event.write);
    return {
      severity: high ? 'high' : 'medium',
      score: sure ? 0.8 : 0.6,
      summary: `${event.exe || 'a process'} opened ${secret.what}${event.write ? ' for writing' : ''}: ${event.path}`,
      subject: `${event.exe} ${event.path}`,
      techniques: [event.write ? 'T1098' : secret.technique],
      facts: { program: event.exe, file: event.path, mode: event.write ? 'write' : 'read' },
    };
  },
};
