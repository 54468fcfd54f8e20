// SPDX-License-Identifier: Apache-2.0
// vfork and execve with nothing between them: what libuv does in a child makes a hundred calls, which would be counted for the
// agent's container, and differ by version.
#include "canary.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "bpf.h"
#include "convert.h"

namespace picket {

namespace {

constexpr int kNotRun = 127;
// Its whole life is two system calls; longer than this only where the machine is stuck or its cgroup frozen. It would be late.
constexpr int kPatienceMs = 5000;
constexpr int kDeathMs = 1000;

bool has_ended(const Fd& process, int patience_ms) {
  struct pollfd ended = {process.get(), POLLIN, 0};
  int ready;
  while ((ready = poll(&ended, 1, patience_ms)) < 0 && errno == EINTR) {
  }
  return ready > 0;
}

// Waits for the child's end and ends it when it takes too long, so that no thread of the pool is held for good.
Error await(pid_t child) {
  Fd process(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  if (!process) return system_error("PICKET_CANARY", "its process", errno);
  bool in_time = has_ended(process, kPatienceMs);
  if (!in_time) {
    kill(child, SIGKILL);
    has_ended(process, kDeathMs);
  }
  waitpid(child, nullptr, WNOHANG);
  return in_time ? Error{} : Error{"PICKET_CANARY", "its process did not end in time"};
}

class Canary : public Napi::AsyncWorker {
 public:
  Canary(Napi::Env env, std::string path, std::string nonce)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        path_(std::move(path)),
        nonce_(std::move(nonce)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  // On a thread of the pool, which the kernel holds until the program runs; the others go on.
  void Execute() override { error_ = run(); }

  void OnOK() override {
    Napi::HandleScope scope(Env());
    if (error_) return deferred_.Reject(to_js(Env(), error_).Value());
    deferred_.Resolve(Napi::Number::New(Env(), child_));
  }

 private:
  Error run() {
    char name[] = "picket-canary";
    char* arguments[] = {name, nonce_.data(), nullptr};
    char* environment[] = {nullptr};
    volatile int failed = 0;
    pid_t child;
    {
      HeldSignals held;  // a handler in the child would run in the parent's memory
      child = vfork();
      if (child == 0) {
        execve(path_.c_str(), arguments, environment);
        failed = errno;
        _exit(kNotRun);
      }
    }
    if (child < 0) return system_error("PICKET_CANARY", path_ + ": a process for it", errno);
    child_ = child;
    Error error = await(child);
    if (error) return error;
    return failed != 0 ? system_error("PICKET_CANARY", path_, failed) : Error{};
  }

  Napi::Promise::Deferred deferred_;
  std::string path_, nonce_;
  pid_t child_ = 0;
  Error error_;
};

}  // namespace

Napi::Value run_canary(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Options options(env, info[0]);
  std::string path = options.text("path");
  std::string nonce = options.text("nonce");
  if (options.error()) {
    throw_js(env, options.error());
    return env.Undefined();
  }
  auto* canary = new Canary(env, std::move(path), std::move(nonce));  // deletes itself when it is done
  Napi::Promise promise = canary->promise();
  canary->Queue();
  return promise;
}

}  // namespace picket
