// SPDX-License-Identifier: Apache-2.0
// Loads and attaches floor.bpf.o, says "ready", and at the end of its standard input prints what was counted:
// floor OBJECT CGROUP_ID prints {"calls":{NR:COUNT,...}} of that cgroup.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NUMBERS 512

static void print_counts(struct bpf_object *object, unsigned long long cgroup)
{
	int cpus = libbpf_num_possible_cpus(), slots = bpf_object__find_map_fd_by_name(object, "slots");
	int counts = bpf_object__find_map_fd_by_name(object, "counts");
	unsigned long long *values = calloc((size_t)cpus * NUMBERS, sizeof(*values));
	const char *comma = "";
	unsigned int slot = 0;

	printf("{\"calls\":{");
	if (values && !bpf_map_lookup_elem(slots, &cgroup, &slot) && !bpf_map_lookup_elem(counts, &slot, values)) {
		for (int number = 0; number < NUMBERS; number++) {
			unsigned long long sum = 0;

			for (int cpu = 0; cpu < cpus; cpu++)
				sum += values[cpu * NUMBERS + number];
			if (sum)
				printf("%s\"%d\":%llu", comma, number, sum);
			comma = sum ? "," : comma;
		}
	}
	printf("}}\n");
	free(values);
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc == 3 ? bpf_object__open_file(argv[1], NULL) : NULL;
	char byte;

	if (!object || bpf_object__load(object))
		return 1;
	struct bpf_program *program = bpf_object__find_program_by_name(object, "count_call");
	struct bpf_link *link = bpf_program__attach(program);

	if (!link)
		return 1;
	printf("ready\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	bpf_link__destroy(link);
	print_counts(object, strtoull(argv[2], NULL, 10));
	bpf_object__close(object);
	return 0;
}
