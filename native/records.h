/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records that the kernel programs write and user space reads. Shared by eBPF C, the C++ addon and (through
 * agent/events/layout.ts, proven equal by test/native/layout.test.ts) the decoder. Little-endian, naturally
 * aligned, no implicit padding. A change of any struct raises PICKET_RECORDS_VERSION.
 */
#ifndef PICKET_RECORDS_H
#define PICKET_RECORDS_H

#ifndef __VMLINUX_H__ /* in eBPF, bpf/kernel.h has the types */
#include <linux/types.h>
#endif

#define PICKET_RECORDS_VERSION 2
#define PICKET_CONTAIN_LAYOUT 2 /* of the pinned maps; part of the pin path; addon/pin_layout.cc reads the one before */

#define PATH_BYTES 256
#define ARGS_BYTES 768 /* of a program's arguments: all of them, or half of it each of their head and tail */
#define ARGS_HALF (ARGS_BYTES / 2)
#define SCRIPT_BYTES 256
#define CGROUP_PATH_BYTES 512
#define FILE_NAME_BYTES 32
#define ACTION_NAME_BYTES 64
#define SYSCALL_NUMBERS 512

#define SLOT_NONE 0 /* not a slot: the agent itself, or no slot was free */
#define SLOT_HOST 1 /* everything that is in no container and no service */

enum record_kind {
	RECORD_EXEC = 1,   /* urgent */
	RECORD_EXIT = 2,   /* bulk; processes that executed something, or of which a record was sent */
	RECORD_OPEN = 3,   /* urgent */
	RECORD_FLOW = 4,   /* urgent; first sight of a flow key in a window */
	RECORD_CGROUP = 5, /* urgent */
	RECORD_DENIED = 6, /* urgent; what a containment stopped */
	RECORD_ACTION = 7, /* urgent; what changes what a process is, sees or may do, done or refused */
	RECORD_PAIR = 8,   /* bulk; a pair of calls that is new to a slot in guard mode */
	RECORD_NOVEL = 9,  /* bulk; what a slot had not done before */
	RECORD_DNS = 10,   /* urgent; a DNS question or answer that was not yet told since the flows were read */
};

/* First in every record. The process is the current one, but for RECORD_FLOW of direction FLOW_ACCEPT, where no
 * process is known (pid 0) and cgroup and slot are the socket's. */
struct record_header {
	__u32 kind;
	__u32 size; /* of the whole record, bytes */
	__u32 slot;
	__u32 cpu;
	__u64 time;   /* CLOCK_BOOTTIME, ns; with cpu unique per boot */
	__u64 cgroup; /* cgroup2 id of the container or service; with SLOT_HOST the task's own cgroup */
	__u64 start;  /* process start, CLOCK_BOOTTIME ns */
	__u64 parent_start;
	__u32 pid; /* thread group id in the initial namespace */
	__u32 tid;
	__u32 uid;
	__u32 parent_pid;
};

/* Paths are written leaf first, one name after the other, each ended by NUL: "shadow\0etc\0". path_bytes is
 * the number of bytes used; PATH_CUT in flags when names were left off at the root end. */
#define PATH_CUT (1u << 0)
#define EXEC_MEMFD (1u << 1)   /* executable is a memory file */
#define EXEC_DELETED (1u << 2) /* executable has no name any more */
#define ARGS_CUT (1u << 3)     /* text holds the head and the tail of the vector, or nothing where it cannot be read */
#define EXEC_UPPER (1u << 5)   /* executable was made or changed since the container was made: overlay's upper layer */
#define EXEC_SCRIPT (1u << 6)  /* a script: the executable is its interpreter, the last where that is a script too */
#define ARGS_HASH_CUT (1u << 7) /* args_hash is of the first 256 KiB; 0 where the vector cannot be read */

/* What a descriptor of a new program is. */
enum stream {
	STREAM_CLOSED = 0,
	STREAM_FILE = 1,
	STREAM_DEVICE = 2,   /* such as /dev/null */
	STREAM_TERMINAL = 3,
	STREAM_PIPE = 4,
	STREAM_UNIX = 5,     /* a socket of this machine */
	STREAM_NETWORK = 6,  /* a socket that may reach others */
	STREAM_OTHER = 7,
};

/* As long as its texts: header.size ends it. */
struct exec_record {
	struct record_header header;
	__u32 flags;
	__u32 path_bytes;
	__u32 args_bytes;   /* bytes used of text by arguments, each ended by NUL */
	__u32 args_total;   /* bytes of the whole argument vector */
	__u32 args_count;
	__u32 script_bytes; /* bytes used by the script's name as the caller gave it, ended by NUL: may lie */
	__u32 inner_pid;    /* the process's number in its own pid namespace */
	__u8 streams[4];    /* enum stream of descriptors 0, 1, 2; and 0 */
	__u64 args_hash;    /* SipHash-1-3 of the argument vector, key: seenKey and its complement */
	__u64 inode;
	__u64 device;
	char parent_exe[FILE_NAME_BYTES]; /* file name of the parent's executable, without folders */
	char comm[16];                    /* name before the exec */
	char path[PATH_BYTES];
	char text[ARGS_BYTES + SCRIPT_BYTES]; /* arguments, then at the next multiple of 8 the script's name */
};

struct exit_record {
	struct record_header header;
	__u32 status; /* as in wait(2) */
	__u32 pad;
};

struct open_record {
	struct record_header header;
	__u32 flags;      /* PATH_CUT */
	__u32 open_flags; /* as given to open(2) */
	__u32 path_bytes;
	__u32 pad;
	char exe[FILE_NAME_BYTES]; /* file name of the caller's executable */
	char path[PATH_BYTES];
};

#define FLOW_CONNECT 1
#define FLOW_ACCEPT 2

#define FLOW_TCP 0
#define FLOW_UDP 1

/* As small as it can be: it is hashed for every datagram. */
struct flow_key {
	__u16 slot; /* a probe has at most 4096 */
	__u8 protocol;
	__u8 pad;
	__u16 port; /* host byte order; connect: the peer's, accept: our own */
	__u8 direction;
	__u8 family;   /* 4 or 6 */
	__u8 peer[16]; /* IPv4 in the first four bytes, the rest 0 */
};

struct flow_record {
	struct record_header header;
	struct flow_key flow;
	char exe[FILE_NAME_BYTES]; /* connect: file name of the caller's executable */
};

/* What readFlows() returns, back to back. */
struct flow_entry {
	struct flow_key flow;
	__u64 cgroup;
	__u64 opened;   /* TCP: connections established; UDP: peers first heard of */
	__u64 attempts; /* TCP: connect only; UDP to port 53: questions */
	__u64 failures; /* TCP: attempts that did not reach established; UDP to port 53: answers that say so */
	__u64 first;    /* CLOCK_BOOTTIME ns */
	__u64 last;
	__u64 bytes_in; /* payload: what the peer sent, in order and once; what was sent, without repetitions */
	__u64 bytes_out;
	__u64 segments_in; /* TCP: segments, also empty ones; UDP: datagrams */
	__u64 segments_out;
};

#define CGROUP_MADE 1    /* a container's cgroup was given header.slot */
#define CGROUP_REMOVED 2 /* it is gone; the slot may be freed once its counts were read */
#define CGROUP_BEGUN 3   /* as CGROUP_MADE, and it was made at this time, though its path is not known here */

struct cgroup_record {
	struct record_header header;
	__u32 event;
	__u32 path_bytes;             /* 0: path not known here, look the id up in the cgroup file system */
	char path[CGROUP_PATH_BYTES]; /* below the cgroup2 mount point, root first, ended by NUL */
};

#define PAIR_IDS 256 /* of calls: ProbeOptions.callIds */
#define PAIR_BYTES (PAIR_IDS * PAIR_IDS / 8)
#define BIGRAMS 4096 /* hashed (previous, current) counters of a slot */

struct pair_record {
	struct record_header header;
	__u32 previous; /* as in the counts of calls; of the same thread */
	__u32 current;
};

/* What a slot has done, as fingerprints in a set; what is not in it is told, and then is. Kept per slot until user space
 * replaces the set. */
#define SEEN_FIRST_KEY 65	/* keys below are capabilities, number + 1; 0 is a free place */
#define BUCKET_NOVEL_FEW 15	/* bucket of tokens of novelties that are no folders; theirs is RECORD_NOVEL's */
#define FOLDER_TOKENS 4		/* that a folder takes: the bulk ring holds the bursts of four containers, too */

enum novel {
	NOVEL_FOLDER_READ = 1, /* [path: of the folder] a file in it, or the folder itself, was opened to be read */
	NOVEL_FOLDER_WRITE = 2, /* [path: of the folder] a file in it was made, or opened to be written */
	NOVEL_LIBRARY = 3,	/* [path] a file was mapped to be executed */
	NOVEL_CAPABILITY = 4,	/* [value: its number] used: asked for by the kernel and granted */
	NOVEL_LISTEN = 5,	/* [port, protocol] TCP: listens; UDP: bound to a port that it named */
};

struct novel_record {
	struct record_header header;
	__u64 key; /* its fingerprint, for loadSeen */
	__u32 what;
	__u32 flags; /* PATH_CUT; EXEC_MEMFD, EXEC_DELETED: of the path */
	__u32 value;
	__u16 port;
	__u8 protocol;
	__u8 pad;
	__u32 path_bytes;
	__u32 pad2;
	char exe[FILE_NAME_BYTES]; /* file name of the caller's executable */
	char path[PATH_BYTES];
};

#define DNS_BYTES 512 /* kept of a message; a power of two */
#define DNS_TOKENS 4 /* that a message takes: the urgent ring holds the bursts of four containers, too */
#define BUCKET_DNS_UNASKED 14 /* bucket of tokens of answers nobody asked for, which others send */

enum dns_what {
	DNS_QUESTION = 1, /* asked by a client over UDP, port 53 */
	DNS_ANSWER = 2,	  /* to a question that this socket has asked this server: id, name and type are those of it */
	DNS_UNASKED = 3,  /* another one; one of each server's address since the flows were read */
};

struct dns_record {
	struct record_header header;
	struct flow_key flow; /* of the client: FLOW_CONNECT, the server, its port */
	__u32 total;	      /* bytes of the message */
	__u16 used;	      /* bytes of it that are here */
	__u16 own_port;
	__u8 what; /* enum dns_what */
	__u8 pad[7];
	char exe[FILE_NAME_BYTES]; /* question: file name of the asker's executable */
	__u8 message[DNS_BYTES];
};

#define DENIED_CONNECT 1
#define DENIED_SEND 2
#define DENIED_EXEC 3

/* At most one a second per container and kind; the exact numbers are in struct containment. Slot 0, as containment
 * lives without slots; only DENIED_EXEC knows its process, the others have pid 0. */
struct denied_record {
	struct record_header header;
	__u32 what;
	__u16 port;
	__u8 family;
	__u8 pad;
	__u8 peer[16];
};

/* What was done, or tried and refused (EPERM, EACCES; modules and kexec: whatever came of it). Args are the call's own
 * values, without addresses; in brackets what stands there instead when it was done, and what else is told. */
enum action {
	ACTION_SET_ID = 1,      /* setuid and its like [effective | real << 32: uid before, after, gid before, after] */
	ACTION_CAPSET = 2,      /* [effective before, after, permitted after] */
	ACTION_PTRACE = 3,      /* attach, seize, traceme, writes into the traced [target; name: its executable] */
	ACTION_VM_READ = 4,     /* process_vm_readv [target; name: its executable] */
	ACTION_VM_WRITE = 5,    /* process_vm_writev [as above] */
	ACTION_MOUNT = 6,       /* [name: what, path: where, both claimed] */
	ACTION_UMOUNT = 7,      /* [path: claimed] */
	ACTION_MOVE_MOUNT = 8,  /* [path: where to, claimed] */
	ACTION_FSMOUNT = 9,     /* [name: type of the file system]; also fsopen that was refused [name: claimed] */
	ACTION_OPEN_TREE = 10,  /* [path] */
	ACTION_PIVOT_ROOT = 11, /* [path: claimed] */
	ACTION_CHROOT = 12,     /* [path: of the new root; claimed where refused] */
	ACTION_UNSHARE = 13,
	ACTION_SETNS = 14,         /* [name: type of the namespace] */
	ACTION_CLONE_NS = 15,      /* child in new namespaces [flags; target: the child] */
	ACTION_MODULE_LOAD = 16,   /* [path: of finit_module's file] */
	ACTION_MODULE_UNLOAD = 17, /* [name: claimed] */
	ACTION_BPF_LOAD = 18,      /* [command, type of program; name: of the program] */
	ACTION_PERF_OPEN = 19,
	ACTION_MEMFD = 20,         /* [name] */
	ACTION_WRITE_EXEC = 21,    /* memory that may be written and executed; first of each process image */
	ACTION_MAKE_EXEC = 22,     /* memory without a file became executable; first of each process image */
	ACTION_RAW_SOCKET = 23,    /* [family, type, protocol] */
	ACTION_SOCKET_USE = 24,    /* connect to a Unix socket of a watched name [path; claimed where refused] */
	ACTION_SIGNAL = 25,        /* to a process of another slot [signal; target; name: its executable] */
	ACTION_URING_SETUP = 26,
	ACTION_URING_OP = 27,      /* [operation, flags of an open; path: to open, claimed]; first of each image, watched names always */
	ACTION_OOM_KILL = 28,      /* header and exe are the victim's */
	ACTION_OPEN_HANDLE = 29,   /* open_by_handle_at [path] */
	ACTION_TAKE_FD = 30,       /* pidfd_getfd [path] */
	ACTION_KEXEC = 31,
	ACTION_EXEC_ID = 32,       /* exec of a file that gives other ids [as ACTION_SET_ID; path] */
	ACTION_EXEC_CAPS = 33,     /* exec of a file that gives capabilities [as ACTION_CAPSET; path] */
	ACTION_STOLEN_ID = 34,     /* other ids at an exec, which neither a call nor the file gave [as ACTION_EXEC_ID] */
	/* Of watched names, or in folders of watched names: */
	ACTION_RENAME = 35,        /* [name: old, path: new, both claimed] */
	ACTION_LINK = 36,          /* [as ACTION_RENAME] */
	ACTION_SYMLINK = 37,       /* [name: what it shall mean, path: of the link, both claimed] */
	ACTION_UNLINK = 38,        /* [path: claimed] */
	ACTION_CHMOD = 39,         /* also set-id bits; also the first of each image that makes executable [mode; path, claimed but for fchmod] */
	ACTION_CHOWN = 40,         /* [uid, gid; path as ACTION_CHMOD] */
	ACTION_TRUNCATE = 41,      /* [length; path as ACTION_CHMOD] */
	ACTION_SETXATTR = 42,      /* [name: of the attribute, claimed; path as ACTION_CHMOD] */
	/* Everywhere: */
	ACTION_MAKE_DEVICE = 43,   /* mknod [mode, device; path: claimed] */
	ACTION_MOUNT_ATTR = 44,    /* mount_setattr [flags; path: claimed] */
	ACTION_PERSONALITY = 45,   /* memory that is executable when it is readable, or not at random addresses */
	ACTION_USERFAULT = 46,
	ACTION_KERNEL_SOCKET = 47, /* to the kernel: netlink, but for routes and events; crypto, keys; vsock [as ACTION_RAW_SOCKET] */
	ACTION_IO_PORTS = 48,      /* iopl, ioperm */
	ACTION_OPEN_FAILED = 49,   /* open that was refused, to write to a program that runs, or of a name watched at every opening that is not there or
				    * on a read-only file system [flags; path: claimed] */
};

#define BUCKET_OPEN_FAILED 13 /* bucket of tokens of failed opens, so that a search hides no other action */
#define OPEN_FAILED_TOKENS 4  /* that one takes: the urgent ring holds the bursts of four containers, too */
#define ACTION_NO_CALL 0xffffffffu /* number, where no system call told it */
#define ACTION_COMPAT (1u << 1)    /* number is of the 32-bit numbering */
#define ACTION_CLAIMED (1u << 2)   /* name is what the caller's memory said after the call: may lie */
#define PATH_CLAIMED (1u << 3)     /* path too; it is one text, root first */

struct action_record {
	struct record_header header;
	__u32 action;
	__u32 number; /* of the system call */
	__s64 result;
	__u64 args[4];
	__u32 flags; /* PATH_CUT and the above */
	__u32 path_bytes;
	__u32 target_pid; /* 0: none, or not known */
	__u32 target_slot;
	__u64 target_start;
	char exe[FILE_NAME_BYTES]; /* file name of the caller's executable */
	char name[ACTION_NAME_BYTES];
	char path[PATH_BYTES];
};

/* ---- pinned ---- */

#define CONTAIN_NETWORK (1u << 0)
#define CONTAIN_EXEC (1u << 1)       /* kill on exec */
#define CONTAIN_CUT_PROBES (1u << 2) /* also cut connections that the node itself opened */
#define CONTAIN_DENY_EXEC (1u << 4)  /* by BPF LSM; a version or kernel without it lets programs run */
#define CONTAIN_ALLOW (1u << 3)      /* but for what struct allowed_peers names; a version that does not know it cuts all */
#define ALLOWED_PEERS 32             /* gone through for each packet of a contained cgroup */

/* A peer that a contained cgroup may still speak with. */
struct allowed_peer {
	__u8 family;   /* 4 or 6 */
	__u8 protocol; /* of IP; 0: any */
	__u8 inward;   /* 1: what the peer begins, to these ports of the container; 0: what the container begins, to these of the peer */
	__u8 pad;
	__u16 port_low; /* host byte order */
	__u16 port_high;
	__u32 network[4]; /* network byte order, as mask leaves it */
	__u32 mask[4];
};

/* Value of the pinned map `allowed`, by cgroup id. */
struct allowed_peers {
	__u32 count;
	__u32 pad;
	struct allowed_peer peers[ALLOWED_PEERS];
};

/* Value of the pinned map, by cgroup id. Past `until` the programs act as if it were not there. */
struct containment {
	__u32 flags;
	__u32 pad;
	__u64 until; /* CLOCK_BOOTTIME ns */
	__u64 order; /* first 8 bytes of SHA-256 of the order's id, for the operator's eye */
	__u64 since; /* CLOCK_BOOTTIME ns of the first request; 0: before layout 2, not known */
	__u64 packets; /* stopped so far */
	__u64 connects;
	__u64 sends;
	__u64 execs;
	__u64 room[4]; /* 0; counters of denials to come, which then need no new layout */
};

/* Why a record was not delivered: indexes of the loss counters, per slot and in total. */
enum loss_reason {
	LOSS_URGENT_FULL = 0, /* urgent ring had no room */
	LOSS_BULK_FULL = 1,
	LOSS_FLOWS_FULL = 2, /* flow map had no room: not counted, first sight still reported once per call */
	LOSS_NO_SLOT = 3,    /* more containers than slots: counted under SLOT_NONE */
	LOSS_NO_STORAGE = 4, /* task storage could not be made: call not counted */
	LOSS_THROTTLED = 5,  /* the slot had used up its records of this kind: see take_token in bpf/emit.h */
	LOSS_SEEN_FULL = 6,    /* no room to remember a fact: told again the next time */
	LOSS_SOCKETS_FULL = 7, /* no memory for what is kept of a socket: neither its bytes nor how its connect ended is known */
	LOSS_COMPAT_FULL = 8,  /* a 32-bit call is in the sum, but not under its own number */
	LOSS_FOLDERS_LATER = 9, /* a folder was not told, for want of tokens or room: told when it is next opened */
	LOSS_DNS_LATER = 10, /* a DNS message was not told, for want of tokens or room: told when it comes again */
	LOSS_OPENS_LATER = 11, /* a failed open was not told, for want of tokens: told when it is tried again */
	LOSS_REASONS = 12,
};

#endif
