// SPDX-License-Identifier: Apache-2.0
#include "layout.h"

#include <cstddef>

#include "records.h"

namespace picket {

namespace {

struct Entry {
  const char* name;
  double value;
};

#define CONSTANT(name) \
  Entry { #name, static_cast<double>(name) }
#define SIZE(type) \
  Entry { "sizeof " #type, static_cast<double>(sizeof(struct type)) }
#define MEMBER(type, member) \
  Entry { #type "." #member, static_cast<double>(offsetof(struct type, member)) }

constexpr Entry kLayout[] = {
    CONSTANT(PICKET_RECORDS_VERSION),
    CONSTANT(PICKET_CONTAIN_LAYOUT),
    CONSTANT(PATH_BYTES),
    CONSTANT(ARGS_BYTES),
    CONSTANT(CGROUP_PATH_BYTES),
    CONSTANT(FILE_NAME_BYTES),
    CONSTANT(SYSCALL_NUMBERS),
    CONSTANT(SLOT_NONE),
    CONSTANT(SLOT_HOST),
    CONSTANT(PATH_CUT),
    CONSTANT(EXEC_MEMFD),
    CONSTANT(EXEC_DELETED),
    CONSTANT(ARGS_CUT),
    CONSTANT(FLOW_CONNECT),
    CONSTANT(FLOW_ACCEPT),
    CONSTANT(CGROUP_MADE),
    CONSTANT(CGROUP_REMOVED),
    CONSTANT(DENIED_CONNECT),
    CONSTANT(DENIED_SEND),
    CONSTANT(DENIED_EXEC),
    CONSTANT(CONTAIN_NETWORK),
    CONSTANT(CONTAIN_EXEC),
    CONSTANT(CONTAIN_CUT_PROBES),
    CONSTANT(RECORD_EXEC),
    CONSTANT(RECORD_EXIT),
    CONSTANT(RECORD_OPEN),
    CONSTANT(RECORD_FLOW),
    CONSTANT(RECORD_CGROUP),
    CONSTANT(RECORD_DENIED),
    CONSTANT(LOSS_URGENT_FULL),
    CONSTANT(LOSS_BULK_FULL),
    CONSTANT(LOSS_FLOWS_FULL),
    CONSTANT(LOSS_NO_SLOT),
    CONSTANT(LOSS_NO_STORAGE),
    CONSTANT(LOSS_THROTTLED),
    CONSTANT(LOSS_REASONS),
    SIZE(record_header),
    MEMBER(record_header, kind),
    MEMBER(record_header, size),
    MEMBER(record_header, slot),
    MEMBER(record_header, cpu),
    MEMBER(record_header, time),
    MEMBER(record_header, cgroup),
    MEMBER(record_header, start),
    MEMBER(record_header, parent_start),
    MEMBER(record_header, pid),
    MEMBER(record_header, tid),
    MEMBER(record_header, uid),
    MEMBER(record_header, parent_pid),
    SIZE(exec_record),
    MEMBER(exec_record, header),
    MEMBER(exec_record, flags),
    MEMBER(exec_record, path_bytes),
    MEMBER(exec_record, args_bytes),
    MEMBER(exec_record, args_total),
    MEMBER(exec_record, inode),
    MEMBER(exec_record, device),
    MEMBER(exec_record, parent_exe),
    MEMBER(exec_record, comm),
    MEMBER(exec_record, path),
    MEMBER(exec_record, args),
    SIZE(exit_record),
    MEMBER(exit_record, header),
    MEMBER(exit_record, status),
    MEMBER(exit_record, pad),
    SIZE(open_record),
    MEMBER(open_record, header),
    MEMBER(open_record, flags),
    MEMBER(open_record, open_flags),
    MEMBER(open_record, path_bytes),
    MEMBER(open_record, pad),
    MEMBER(open_record, exe),
    MEMBER(open_record, path),
    SIZE(flow_key),
    MEMBER(flow_key, slot),
    MEMBER(flow_key, port),
    MEMBER(flow_key, direction),
    MEMBER(flow_key, family),
    MEMBER(flow_key, peer),
    SIZE(flow_record),
    MEMBER(flow_record, header),
    MEMBER(flow_record, flow),
    MEMBER(flow_record, exe),
    SIZE(flow_entry),
    MEMBER(flow_entry, flow),
    MEMBER(flow_entry, cgroup),
    MEMBER(flow_entry, opened),
    MEMBER(flow_entry, attempts),
    MEMBER(flow_entry, failures),
    MEMBER(flow_entry, first),
    MEMBER(flow_entry, last),
    SIZE(cgroup_record),
    MEMBER(cgroup_record, header),
    MEMBER(cgroup_record, event),
    MEMBER(cgroup_record, path_bytes),
    MEMBER(cgroup_record, path),
    SIZE(denied_record),
    MEMBER(denied_record, header),
    MEMBER(denied_record, what),
    MEMBER(denied_record, port),
    MEMBER(denied_record, family),
    MEMBER(denied_record, pad),
    MEMBER(denied_record, peer),
    SIZE(containment),
    MEMBER(containment, flags),
    MEMBER(containment, pad),
    MEMBER(containment, until),
    MEMBER(containment, order),
    MEMBER(containment, packets),
    MEMBER(containment, connects),
    MEMBER(containment, sends),
    MEMBER(containment, execs),
};

}  // namespace

Napi::Value layout(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  for (const Entry& entry : kLayout) object.Set(entry.name, Napi::Number::New(info.Env(), entry.value));
  return object;
}

}  // namespace picket
