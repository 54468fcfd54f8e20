// SPDX-License-Identifier: Apache-2.0
// Who else has programs where ours attach: on the cgroup root, and on BTF and raw tracepoints.
#include "users.h"

#include <bpf/btf.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "bpf.h"
#include "network_links.h"

namespace picket {

namespace {

constexpr uint32_t kMostPrograms = 64;  // the kernel allows as many on a cgroup and hook
constexpr uint32_t kMostLinks = 65536;

Napi::Object user_to_js(Napi::Env env, const std::string& hook, uint32_t id) {
  struct bpf_prog_info info = {};
  uint32_t size = sizeof info;
  Fd program(bpf_prog_get_fd_by_id(id));
  bool known = program && bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0;
  Napi::Object user = Napi::Object::New(env);
  user.Set("hook", hook);
  user.Set("id", id);
  user.Set("name", known ? std::string(info.name, strnlen(info.name, sizeof info.name)) : std::string());
  return user;
}

Napi::Array on_root(Napi::Env env, const std::string& root, std::string& refusal) {
  Napi::Array users = Napi::Array::New(env);
  Fd cgroup(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const NetworkHook& hook : kNetworkHooks) {
    uint32_t ids[kMostPrograms], count = kMostPrograms, flags = 0;
    if (bpf_prog_query(cgroup.get(), hook.type, 0, &flags, ids, &count) != 0) {
      refusal = root + ": " + std::strerror(errno);
      return users;
    }
    for (uint32_t i = 0; i < count; i++) {
      Napi::Object user = user_to_js(env, hook.section, ids[i]);
      user.Set("exclusive", Napi::Boolean::New(env, (flags & BPF_F_ALLOW_MULTI) == 0));
      users.Set(users.Length(), user);
    }
  }
  return users;
}

// The tracepoint of a link, or empty for links of other kinds.
std::string tracepoint_of(int link, const struct btf* btf, uint32_t& program) {
  char name[128] = "";
  struct bpf_link_info info = {};
  uint32_t size = sizeof info;
  info.raw_tracepoint.tp_name = reinterpret_cast<uintptr_t>(name);
  info.raw_tracepoint.tp_name_len = sizeof name;
  if (bpf_obj_get_info_by_fd(link, &info, &size) != 0) {
    // The name's place is not one in other kinds of link.
    info = {};
    size = sizeof info;
    if (bpf_obj_get_info_by_fd(link, &info, &size) != 0) return "";
  }
  program = info.prog_id;
  if (info.type == BPF_LINK_TYPE_RAW_TRACEPOINT) return std::string("raw_tp/") + name;
  if (info.type != BPF_LINK_TYPE_TRACING || info.tracing.attach_type != BPF_TRACE_RAW_TP || btf == nullptr) return "";
  const struct btf_type* type = btf__type_by_id(btf, info.tracing.target_btf_id);
  const char* target = type == nullptr ? nullptr : btf__name_by_offset(btf, type->name_off);
  constexpr const char* kPrefix = "btf_trace_";
  if (target == nullptr || std::strncmp(target, kPrefix, std::strlen(kPrefix)) != 0) return "";
  return std::string("tp_btf/") + (target + std::strlen(kPrefix));
}

Napi::Array on_tracepoints(Napi::Env env, std::string& refusal) {
  Napi::Array users = Napi::Array::New(env);
  struct btf* btf = btf__load_vmlinux_btf();
  uint32_t id = 0;
  for (uint32_t i = 0; i < kMostLinks && bpf_link_get_next_id(id, &id) == 0; i++) {
    uint32_t program = 0;
    Fd link(bpf_link_get_fd_by_id(id));
    if (!link && errno == ENOENT) continue;  // gone in the meantime
    if (!link) break;
    std::string hook = tracepoint_of(link.get(), btf, program);
    if (!hook.empty()) users.Set(users.Length(), user_to_js(env, hook, program));
  }
  if (errno != ENOENT && refusal.empty()) refusal = std::string("links: ") + std::strerror(errno);
  btf__free(btf);
  return users;
}

}  // namespace

Napi::Value bpf_users(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  LibbpfWords words;
  std::string refusal;
  Napi::Object object = Napi::Object::New(env);
  object.Set("onRoot", on_root(env, info[0].ToString().Utf8Value(), refusal));
  object.Set("onTracepoints", on_tracepoints(env, refusal));
  object.Set("refusal", refusal.empty() ? env.Null() : Napi::Value(Napi::String::New(env, refusal)));
  return object;
}

}  // namespace picket
