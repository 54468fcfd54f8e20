/* Pins and contains as the version with layout 1 did: pin-v1 OBJECT FOLDER CGROUP_PATH CGROUP_ID UNTIL. OBJECT is that
 * version's own contain.bpf.o. The cgroup is denied the network and killed on exec. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct containment {
	unsigned int flags, pad;
	unsigned long long until, order, packets, connects, sends, execs;
};

struct settings {
	unsigned int active, pad;
	unsigned long long build;
};

static const struct {
	const char *program;
	enum bpf_attach_type type;
} hooks[] = {
	{"packet_in", BPF_CGROUP_INET_INGRESS},	  {"packet_out", BPF_CGROUP_INET_EGRESS},
	{"connect_v4", BPF_CGROUP_INET4_CONNECT}, {"connect_v6", BPF_CGROUP_INET6_CONNECT},
	{"send_v4", BPF_CGROUP_UDP4_SENDMSG},	  {"send_v6", BPF_CGROUP_UDP6_SENDMSG},
};

static char path[4096];

static const char *in(const char *folder, const char *part, const char *name)
{
	snprintf(path, sizeof(path), "%s/v1/%s%s", folder, part, name);
	return path;
}

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "pin-v1: %s: %s\n", what, strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	must(argc == 6, "arguments");
	const char *folder = argv[2];
	unsigned long long cgroup = strtoull(argv[4], NULL, 10);
	struct containment entry = {.flags = 3, .until = strtoull(argv[5], NULL, 10), .order = 7, .connects = 5};
	struct settings settings = {.active = 1, .build = 1};
	unsigned int zero = 0;
	struct bpf_map *map;
	int cgroup_fd = open(argv[3], O_RDONLY | O_DIRECTORY);

	must(cgroup_fd >= 0, argv[3]);
	for (const char *part = "\0maps\0programs\0links"; part;) {
		mkdir(in(folder, part, ""), 0700);
		part = !*part ? part + 1 : strcmp(part, "links") ? part + strlen(part) + 1 : NULL;
	}
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
	must(object && bpf_object__load(object) == 0, "load");
	bpf_object__for_each_map(map, object)
		if (!bpf_map__is_internal(map))
			must(bpf_map__pin(map, in(folder, "maps/", bpf_map__name(map))) == 0, path);
	must(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "containments"), &cgroup, &entry, 0) == 0, "entry");
	must(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "settings"), &zero, &settings, 0) == 0, "settings");
	struct bpf_program *kill = bpf_object__find_program_by_name(object, "kill_on_exec");
	struct bpf_link *link = bpf_program__attach(kill);
	must(link && bpf_link__pin(link, in(folder, "links/", "kill_on_exec")) == 0, "kill_on_exec");
	for (unsigned int i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		char name[64];
		int program = bpf_program__fd(bpf_object__find_program_by_name(object, hooks[i].program));
		must(bpf_obj_pin(program, in(folder, "programs/", hooks[i].program)) == 0, path);
		int fd = bpf_link_create(program, cgroup_fd, hooks[i].type, NULL);
		snprintf(name, sizeof(name), "%llu-%s", cgroup, hooks[i].program);
		must(fd >= 0 && bpf_obj_pin(fd, in(folder, "links/", name)) == 0, path);
	}
	return 0;
}
