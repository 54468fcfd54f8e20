// SPDX-License-Identifier: Apache-2.0
#include "containments_object.h"

#include "allowed.h"
#include "convert.h"
#include "instance.h"

namespace picket {

namespace {

ContainRequest read_request(Napi::Env env, Options& options) {
  ContainRequest request;
  request.cgroup = options.number("cgroup", 1, (1ull << 53) - 1);
  request.cgroup_path = options.text("cgroupPath");
  request.network_deny = options.flag("networkDeny");
  if (request.network_deny) request.flags |= CONTAIN_NETWORK;
  if (options.flag("killOnExec")) request.flags |= CONTAIN_EXEC;
  if (options.optional_flag("execDeny")) request.flags |= CONTAIN_DENY_EXEC;
  if (options.flag("cutProbes")) request.flags |= CONTAIN_CUT_PROBES;
  request.allowed = read_allowed(env, options);
  if (request.allowed.count > 0) request.flags |= CONTAIN_ALLOW;
  request.until = options.big("until");
  request.order = options.big("order");
  return request;
}

Napi::Object entry_to_js(Napi::Env env, uint64_t cgroup, const containment& entry) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("cgroup", number_to_js(env, cgroup));
  object.Set("networkDeny", Napi::Boolean::New(env, (entry.flags & CONTAIN_NETWORK) != 0));
  object.Set("killOnExec", Napi::Boolean::New(env, (entry.flags & CONTAIN_EXEC) != 0));
  object.Set("execDeny", Napi::Boolean::New(env, (entry.flags & CONTAIN_DENY_EXEC) != 0));
  object.Set("cutProbes", Napi::Boolean::New(env, (entry.flags & CONTAIN_CUT_PROBES) != 0));
  object.Set("allows", Napi::Boolean::New(env, (entry.flags & CONTAIN_ALLOW) != 0));
  object.Set("until", Napi::BigInt::New(env, static_cast<uint64_t>(entry.until)));
  object.Set("order", Napi::BigInt::New(env, static_cast<uint64_t>(entry.order)));
  object.Set("since", Napi::BigInt::New(env, static_cast<uint64_t>(entry.since)));
  object.Set("packets", Napi::BigInt::New(env, static_cast<uint64_t>(entry.packets)));
  object.Set("connects", Napi::BigInt::New(env, static_cast<uint64_t>(entry.connects)));
  object.Set("sends", Napi::BigInt::New(env, static_cast<uint64_t>(entry.sends)));
  object.Set("execs", Napi::BigInt::New(env, static_cast<uint64_t>(entry.execs)));
  return object;
}

}  // namespace

Napi::FunctionReference ContainmentsObject::define(Napi::Env env) {
  using Object = ContainmentsObject;
  return Napi::Persistent(DefineClass(
      env, "Containments",
      {InstanceAccessor<&Object::hooks>("hooks"), InstanceAccessor<&Object::adopted>("adopted"),
       InstanceAccessor<&Object::exec_deny_refusal>("execDenyRefusal"),
       InstanceMethod<&Object::contain>("contain"), InstanceMethod<&Object::release>("release"),
       InstanceMethod<&Object::list>("list"), InstanceMethod<&Object::set_node_addresses>("setNodeAddresses"),
       InstanceMethod<&Object::close>("close"), InstanceMethod<&Object::remove>("remove")}));
}

Napi::Value ContainmentsObject::open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Options options(env, info[0]);
  auto containments = std::make_unique<Containments>(options.text("pinFolder"));
  Error error = options.error();
  if (!error) error = containments->open();
  if (error) {
    throw_js(env, error);
    return env.Undefined();
  }
  Napi::Object object = env.GetInstanceData<Instance>()->containments.New({});
  Unwrap(object)->containments_ = std::move(containments);
  return object;
}

bool ContainmentsObject::is_open(Napi::Env env) {
  if (containments_) return true;
  throw_js(env, Error{"PICKET_CLOSED", "the containments are closed"});
  return false;
}

Napi::Value ContainmentsObject::hooks(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return info.Env().Undefined();
  return hooks_to_js(info.Env(), containments_->hooks());
}

Napi::Value ContainmentsObject::adopted(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return info.Env().Undefined();
  return Napi::Boolean::New(info.Env(), containments_->adopted());
}

Napi::Value ContainmentsObject::exec_deny_refusal(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  const std::string& refusal = containments_->exec_deny_refusal();
  return refusal.empty() ? env.Null() : Napi::Value(Napi::String::New(env, refusal));
}

void ContainmentsObject::contain(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  Options options(info.Env(), info[0]);
  ContainRequest request = read_request(info.Env(), options);
  Error error = options.error();
  if (!error) error = containments_->contain(request);
  if (error) throw_js(info.Env(), error);
}

Napi::Value ContainmentsObject::release(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  bool existed = false;
  Error error = info[0].IsNumber()
                    ? containments_->release(static_cast<uint64_t>(info[0].As<Napi::Number>().DoubleValue()), existed)
                    : Error{"PICKET_ARGUMENT", "release takes a cgroup id"};
  if (error) throw_js(env, error);
  return Napi::Boolean::New(env, existed);
}

Napi::Value ContainmentsObject::list(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return env.Undefined();
  auto all = containments_->list();
  Napi::Array array = Napi::Array::New(env, all.size());
  for (uint32_t i = 0; i < all.size(); i++) array.Set(i, entry_to_js(env, all[i].first, all[i].second));
  return array;
}

void ContainmentsObject::set_node_addresses(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!is_open(env)) return;
  std::vector<std::string> addresses;
  if (!info[0].IsArray()) return throw_js(env, Error{"PICKET_ARGUMENT", "addresses must be an array of strings"});
  Napi::Array array = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) addresses.push_back(array.Get(i).ToString().Utf8Value());
  Error error = containments_->set_node_addresses(addresses);
  if (error) throw_js(env, error);
}

void ContainmentsObject::close(const Napi::CallbackInfo&) { containments_.reset(); }

void ContainmentsObject::remove(const Napi::CallbackInfo& info) {
  if (!is_open(info.Env())) return;
  Error error = containments_->remove();
  containments_.reset();
  if (error) throw_js(info.Env(), error);
}

}  // namespace picket
