/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types and fields that the programs read, relocated by CO-RE. Small on purpose: the whole
 * vmlinux.h is 130,000 lines of one kernel, this is what picket depends on in any of them.
 */
#ifndef PICKET_KERNEL_H
#define PICKET_KERNEL_H

#define __VMLINUX_H__ /* tells libbpf's headers that the types are here */

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* linux/bpf.h cannot be included beside own kernel types, so the constants used stand here. */
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2 };
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1, BPF_SK_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1 };
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_VSOCK 40
#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFDIR 0040000
#define S_IFREG 0100000
#define S_IFSOCK 0140000
#define S_ISUID 04000
#define S_ISGID 02000
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define SIGKILL 9

#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define TCP_LISTEN 10
#define SOCK_DONE 1 /* bit of sk_flags: the peer's FIN was taken */

#define READ_BY_OFFSET __attribute__((preserve_access_index))

struct kernfs_node {
	const char *name;
	u64 id;
} READ_BY_OFFSET;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
} READ_BY_OFFSET;

struct cgroup_root {
	int hierarchy_id;
} READ_BY_OFFSET;

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
} READ_BY_OFFSET;

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* as many as the kernel has controllers */
	struct cgroup *dfl_cgrp;
} READ_BY_OFFSET;

enum cgroup_subsys_id { memory_cgrp_id = 4 }; /* relocated */

struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const unsigned char *name;
} READ_BY_OFFSET;

struct file_system_type {
	const char *name;
} READ_BY_OFFSET;

struct super_block {
	unsigned int s_dev;
	unsigned long s_magic;
	struct file_system_type *s_type;
} READ_BY_OFFSET;

struct inode {
	unsigned short i_mode;
	unsigned int i_rdev;
	const void *i_op;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_generation;
	void *i_private;
} READ_BY_OFFSET;

/* Of overlayfs, which may be a module. */
struct ovl_inode {
	struct inode vfs_inode;
	struct dentry *__upperdentry;
} READ_BY_OFFSET;

struct hlist_bl_node {
	struct hlist_bl_node *next, **pprev;
} READ_BY_OFFSET;

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
} READ_BY_OFFSET;

struct vfsmount {
	struct dentry *mnt_root;
} READ_BY_OFFSET;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} READ_BY_OFFSET;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} READ_BY_OFFSET;

struct file {
	unsigned int f_mode;
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags;
	void *private_data;
} READ_BY_OFFSET;

struct kiocb {
	struct file *ki_filp;
} READ_BY_OFFSET;

struct proc_inode {
	void *sysctl;
	struct inode vfs_inode;
} READ_BY_OFFSET;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} READ_BY_OFFSET;

struct files_struct {
	struct fdtable *fdt;
} READ_BY_OFFSET;

struct mm_struct {
	unsigned long arg_start, arg_end;
	struct file *exe_file;
} READ_BY_OFFSET;

typedef struct {
	unsigned int val;
} kuid_t;

typedef struct {
	u32 cap[2]; /* one u64 since Linux 6.3: read as eight bytes */
} kernel_cap_t;

struct ns_common;
struct user_namespace;

struct cred {
	kuid_t uid, euid;
	kuid_t gid, egid; /* kgid_t, which is the same */
	kernel_cap_t cap_permitted, cap_effective;
	struct user_namespace *user_ns;
} READ_BY_OFFSET;

struct nsproxy {
	void *uts_ns, *ipc_ns, *mnt_ns, *pid_ns_for_children, *net_ns, *time_ns_for_children, *cgroup_ns;
} READ_BY_OFFSET;

struct proc_ns_operations {
	const char *name;
} READ_BY_OFFSET;

struct ns_common {
	const struct proc_ns_operations *ops;
} READ_BY_OFFSET;

struct fs_struct {
	struct path root, pwd;
} READ_BY_OFFSET;

/* A process id to its process, as find_vpid() goes: a tree of 64 slots a node. */
struct xarray {
	void *xa_head;
} READ_BY_OFFSET;

struct idr {
	struct xarray idr_rt;
} READ_BY_OFFSET;

struct xa_node {
	unsigned char shift;
	void *slots[64];
} READ_BY_OFFSET;

struct pid_namespace {
	struct idr idr;
} READ_BY_OFFSET;

struct upid {
	int nr;
	struct pid_namespace *ns;
} READ_BY_OFFSET;

struct hlist_node {
	struct hlist_node *next;
} READ_BY_OFFSET;

struct hlist_head {
	struct hlist_node *first;
} READ_BY_OFFSET;

struct pid {
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
} READ_BY_OFFSET;

struct signal_struct {
	unsigned int flags;
} READ_BY_OFFSET;

struct thread_info {
	unsigned long flags;
	u32 status; /* x86 */
} READ_BY_OFFSET;

struct task_struct {
	struct thread_info thread_info;
	int pid, tgid;
	int exit_code;
	u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	const struct cred *cred;
	const struct cred *real_cred;
	struct mm_struct *mm;
	struct files_struct *files;
	struct css_set *cgroups;
	struct signal_struct *signal;
	struct nsproxy *nsproxy;
	struct fs_struct *fs;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	char comm[16];
} READ_BY_OFFSET;

struct linux_binprm {
	struct file *file;
	int argc;
	const char *filename; /* as given to execve */
	const char *interp;   /* the same, but for a script */
} READ_BY_OFFSET;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
} READ_BY_OFFSET;

struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
} READ_BY_OFFSET;

struct sock_cgroup_data {
	struct cgroup *cgroup;
} READ_BY_OFFSET;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u8 sk_userlocks : 4;
	struct sock_cgroup_data sk_cgrp_data;
} READ_BY_OFFSET;

struct tcp_sock {
	u32 snd_nxt, snd_una;
	u32 segs_in, segs_out;
	u64 bytes_received, bytes_sent, bytes_retrans, bytes_acked;
} READ_BY_OFFSET;

/* Contexts of iterators: in user-space ABI terms fixed, each member eight bytes. */
struct bpf_iter_meta;
struct bpf_map;

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	u32 pad;
	struct file *file;
};

struct socket {
	short type;
	struct sock *sk;
} READ_BY_OFFSET;

struct unix_sock {
	struct path path; /* of a connected peer: where its listener is bound */
	struct sock *peer;
} READ_BY_OFFSET;

struct kernel_siginfo {
	int si_code;
} READ_BY_OFFSET;

struct vm_area_struct {
	struct file *vm_file;
} READ_BY_OFFSET;

enum bpf_func_id {
	BPF_FUNC_find_vma = 180, /* Linux 5.17 */
};

struct bpf_prog_aux {
	char name[16];
} READ_BY_OFFSET;

enum bpf_prog_type {
	BPF_PROG_TYPE_UNSPEC = 0,
};

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
} READ_BY_OFFSET;

struct filename {
	const char *name;
} READ_BY_OFFSET;

struct io_kiocb {
	u8 opcode;
} READ_BY_OFFSET;

struct open_how {
	u64 flags;
} READ_BY_OFFSET;

/* These lie at the beginning of the request, according to its operation. */
struct io_open {
	struct filename *filename;
	struct open_how how;
} READ_BY_OFFSET;

struct io_rename {
	struct filename *oldpath, *newpath;
} READ_BY_OFFSET;

struct io_unlink {
	struct filename *filename;
} READ_BY_OFFSET;

struct io_connect {
	void *addr;
	int addr_len;
} READ_BY_OFFSET;

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, bx, cx, dx, si, di, orig_ax;
} READ_BY_OFFSET;
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 orig_x0;
	__s32 syscallno;
} READ_BY_OFFSET;
#else
#error "no system call table for this architecture"
#endif

/* Contexts of cgroup programs: user-space ABI, whose offsets the verifier translates. */
struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;
	__u32 vlan_present, vlan_tci, vlan_proto;
	__u32 priority;
	__u32 ingress_ifindex, ifindex;
	__u32 tc_index;
	__u32 cb[5];
	__u32 hash;
	__u32 tc_classid;
	__u32 data, data_end;
	__u32 napi_id;
	__u32 family;
	__u32 remote_ip4, local_ip4;
	__u32 remote_ip6[4], local_ip6[4];
	__u32 remote_port, local_port;
	__u32 data_meta;
	__u64 flow_keys;
	__u64 tstamp;
	__u32 wire_len;
	__u32 gso_segs;
	struct bpf_sock *sk;
};

enum { BPF_F_CURRENT_NETNS = -1 };

struct bpf_sock {
	__u32 bound_dev_if, family, type, protocol, mark, priority;
	__u32 src_ip4, src_ip6[4];
	__u32 src_port; /* host byte order */
};
struct bpf_sock_tuple {
	union {
		struct {
			__be32 saddr, daddr;
			__be16 sport, dport;
		} ipv4;
		struct {
			__be32 saddr[4], daddr[4];
			__be16 sport, dport;
		} ipv6;
	};
};

struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 msg_src_ip4;
	__u32 msg_src_ip6[4];
	struct bpf_sock *sk;
};

#endif
