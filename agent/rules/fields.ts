/** Everything a rule can ask for: the variables of its expressions, with type and sentence. */

export const SUBJECTS = ['exec', 'open', 'flow', 'action', 'denied', 'novel', 'dns'] as const;
export type Subject = (typeof SUBJECTS)[number];

export type FieldType = 'string' | 'int' | 'double' | 'bool' | 'list<string>' | 'list<int>';
type Fields = Readonly<Record<string, readonly [FieldType, string]>>;

const WHO = {
  exe: ['string', 'file name of the executable of the process'],
  who: ['string', 'the same for sentences: `a process` where it is not known'],
  uid: ['int', 'user id of the process'],
} as const satisfies Fields;

const FILE = {
  path: ['string', 'path of the file'],
  file: ['string', 'its last name'],
  folder: ['string', 'what stands before its last name'],
  within: ['string', 'name of the folder directly above'],
  top: ['string', 'the first name of the path'],
} as const satisfies Fields;

const PEER = {
  peer: ['string', "the peer's address"],
  port: ['int', "the peer's port; of an accepted connection, the own one"],
  peer_is: ['string', '`loopback`, `link-local`, `private` or `public`; empty without a peer'],
} as const satisfies Fields;

/** Of the variable `event`, by what a rule is on. */
export const EVENT_FIELDS: Readonly<Record<Subject, Fields>> = {
  exec: {
    ...WHO,
    ...FILE,
    tool: ['string', 'the program: of busybox and its like, the applet'],
    parent: ['string', 'file name of the executable that started it'],
    starter: ['string', 'the same for sentences'],
    first: ['bool', 'it is the first process of a container: its parent is outside'],
    parent_age: ['double', 'seconds that the parent had run; very many where that is not known'],
    script: ['string', "a script's name as the caller gave it, which may lie; empty for a program"],
    args: ['list<string>', 'arguments, the first is the name; of long vectors head and tail'],
    command: ['string', 'the arguments behind the name, joined by blanks'],
    arguments: ['int', 'how many there are, the name among them'],
    cut: ['bool', 'there are more arguments than are kept'],
    comm: ['string', 'the name that the process had before'],
    hidden: ['bool', 'its name, or that of a folder above, begins with a dot'],
    kernel_like: ['bool', 'it calls itself what only threads of the kernel are called'],
    memfd: ['bool', 'run from memory'],
    deleted: ['bool', 'run from a file without a name'],
    upper: ['bool', 'run from a file that was made or changed since the container was made'],
    stdin: ['string', 'closed, file, device, terminal, pipe, unix, network or other'],
    stdout: ['string', 'as stdin'],
    stderr: ['string', 'as stdin'],
  },
  open: {
    ...WHO,
    ...FILE,
    write: ['bool', 'opened so that it can be changed'],
    truncated: ['bool', 'opened so that what was in it is gone'],
    claimed: ['bool', 'through io_uring, by the name that was asked for'],
  },
  flow: {
    ...WHO,
    ...PEER,
    protocol: ['string', 'tcp or udp'],
    direction: ['string', 'connect or accept'],
  },
  action: {
    ...WHO,
    ...FILE,
    action: ['string', 'what was done, a name of `enum action` of native/records.h'],
    verb: ['string', 'the same, with what a ring did under the name of the call'],
    refused: ['bool', 'it was not allowed'],
    failed: ['bool', 'it was not done, for any reason'],
    busy: ['bool', 'it was to write to a program that runs, which the kernel does not let happen'],
    args: ['list<int>', "the call's values, as `enum action` explains them"],
    name: ['string', "the target's executable, a namespace, a program, another name of the file"],
    claimed: ['bool', "name or path are the caller's words"],
    namespaces: ['string', 'of new namespaces: `mnt+net`'],
    user: ['int', 'of a change of ids: the new effective user'],
    from_user: ['int', 'of a change of ids: the effective user before'],
    gained: ['bool', 'of a change of capabilities: one is there that was not'],
    outside: ['bool', 'the target is a process of another container or of the host'],
  },
  denied: {
    ...PEER,
    what: ['string', 'connect, send or exec'],
  },
  novel: {
    ...WHO,
    ...FILE,
    what: ['string', 'folder-read, folder-write, library, capability or listen'],
    capability: ['string', 'name of the capability; empty for others'],
    port: ['int', 'of a listener; 0 for others'],
    memfd: ['bool', 'the library is a memory file'],
    deleted: ['bool', 'the path had no name any more'],
  },
  dns: {
    ...WHO,
    what: ['string', 'question, answer, or unasked: an answer that is not to be believed'],
    name: ['string', 'the name asked for, in lower case'],
    label: ['string', 'its first label'],
    type: ['string', 'A, AAAA, TXT, NULL or another'],
    code: ['string', 'of an answer: ok, no-such-name or another; empty for a question'],
    odd: [
      'string',
      'why it is no message as it must be: loop, long-name, label, short, no-question; or empty',
    ],
    server: ['string', "the server's address"],
    server_is: ['string', '`loopback`, `link-local`, `private` or `public`'],
    told: ['list<string>', 'addresses that the answer tells'],
    tells_link_local: ['bool', 'one of them is of the own link'],
  },
};

export const CONTAINER_FIELDS = {
  kind: ['string', 'container, service or host'],
  age: ['double', 'seconds since it was made, at the event; very many where that is not known'],
  name: ['string', 'of the container in its pod, or of the service'],
  pod: ['string', ''],
  namespace: ['string', ''],
  workload: ['string', 'cluster/namespace/Kind/name/container'],
  image: ['string', ''],
} as const satisfies Fields;

export const PROCESS_FIELDS = {
  runtime: ['bool', 'a container runtime, by its name and by that of what started it'],
  shell: [
    'string',
    'the nearest shell in it or above that is no part of the start of its container; or empty',
  ],
  server: ['string', 'the server that started that shell, directly or through others; or empty'],
  entered: [
    'bool',
    'it, or what started it, was put into the running container by a runtime, as `exec` does',
  ],
  by_main: [
    'bool',
    'what started it, or that was forked from, is the first process of the container, or nothing is known above, and is no shell',
  ],
  starter_age: [
    'double',
    'seconds for which what started it, or what that was forked from, has run its program; at least, and very many where nothing is known of it',
  ],
  ancestors: ['list<string>', 'executables of what started it, the nearest first'],
  parent: ['string', 'executable of its parent, where known'],
} as const satisfies Fields;

export const BASELINE_FIELDS = {
  state: ['string', 'learning, young or mature'],
  seen: ['int', "learnt periods that had the event's fact"],
} as const satisfies Fields;

/** Types by the names under which expressions know them. */
export const TYPES = {
  Container: CONTAINER_FIELDS,
  Process: PROCESS_FIELDS,
  Baseline: BASELINE_FIELDS,
} as const;
