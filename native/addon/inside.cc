// SPDX-License-Identifier: Apache-2.0
// A child that the kernel makes inside the cgroup tries to connect and to send, and tells what each call said. The
// network programs judge before any route is looked up, so that the namespace it tries in makes no difference.
#include "inside.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>

#include "bpf.h"
#include "convert.h"

namespace picket {

namespace {

// TEST-NET-1 and the documentation prefix (RFC 5737, RFC 3849), port discard: nobody is there.
constexpr const char* kNobody4 = "192.0.2.1";
constexpr const char* kNobody6 = "2001:db8::1";
constexpr uint16_t kDiscard = 9;
// None of the calls waits; longer than this only where the cgroup is frozen or the machine is stuck.
constexpr int kPatienceMs = 1000;

constexpr const char* kTries[] = {"tcp4", "tcp6", "udp4", "udp6"};
constexpr size_t kCount = 4;
// Not tried, for want of such sockets here: no way out either.
constexpr int kNoSockets = -1;
constexpr int kUntold = -2;

struct Addresses {
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Addresses nobody() {
  Addresses to = {};
  to.v4.sin_family = AF_INET;
  to.v6.sin6_family = AF_INET6;
  to.v4.sin_port = to.v6.sin6_port = htons(kDiscard);
  inet_pton(AF_INET, kNobody4, &to.v4.sin_addr);
  inet_pton(AF_INET6, kNobody6, &to.v6.sin6_addr);
  return to;
}

int try_one(int family, int type, const sockaddr* to, socklen_t size) {
  int socket = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return kNoSockets;
  long result = type == SOCK_STREAM ? connect(socket, to, size) : sendto(socket, "", 0, 0, to, size);
  int said = result < 0 ? errno : 0;
  close(socket);
  return said;
}

// In the child of a process with threads: system calls only, nothing that takes a lock.
[[noreturn]] void try_all(volatile int* results, const Addresses& to) {
  const auto* v4 = reinterpret_cast<const sockaddr*>(&to.v4);
  const auto* v6 = reinterpret_cast<const sockaddr*>(&to.v6);
  results[0] = try_one(AF_INET, SOCK_STREAM, v4, sizeof to.v4);
  results[1] = try_one(AF_INET6, SOCK_STREAM, v6, sizeof to.v6);
  results[2] = try_one(AF_INET, SOCK_DGRAM, v4, sizeof to.v4);
  results[3] = try_one(AF_INET6, SOCK_DGRAM, v6, sizeof to.v6);
  _exit(0);
}

// A page that parent and child share.
class Results {
 public:
  Results() : at_(mmap(nullptr, kCount * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (*this) for (size_t i = 0; i < kCount; i++) get()[i] = kUntold;
  }
  ~Results() {
    if (*this) munmap(at_, kCount * sizeof(int));
  }
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;
  explicit operator bool() const { return at_ != MAP_FAILED; }
  volatile int* get() const { return static_cast<volatile int*>(at_); }

 private:
  void* at_;
};

// Waits for the child's end and ends it when it takes too long.
Error await(const Fd& process, pid_t child) {
  struct pollfd ended = {process.get(), POLLIN, 0};
  int ready = poll(&ended, 1, kPatienceMs);
  if (ready <= 0) kill(child, SIGKILL);
  waitpid(child, nullptr, __WALL);
  return ready > 0 ? Error{} : Error{"PICKET_CGROUP", "what was to try the network did not run in time"};
}

Error open_cgroup(uint64_t cgroup, const std::string& path, Fd& fd) {
  fd = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info;
  if (!fd || fstat(fd.get(), &info) != 0) return system_error("PICKET_CGROUP", path, errno);
  return info.st_ino == cgroup ? Error{} : Error{"PICKET_CGROUP", path + " is not the cgroup " + std::to_string(cgroup)};
}

class Try : public Napi::AsyncWorker {
 public:
  Try(Napi::Env env, uint64_t cgroup, std::string path)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), cgroup_(cgroup), path_(std::move(path)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  // On a thread of the pool.
  void Execute() override { error_ = run(); }

  void OnOK() override {
    Napi::Env env = Env();
    Napi::HandleScope scope(env);
    if (error_) return deferred_.Reject(to_js(env, error_).Value());
    Napi::Object told = Napi::Object::New(env);
    for (size_t i = 0; i < kCount; i++) {
      told.Set(kTries[i], said_[i] == kNoSockets ? env.Null() : Napi::Number::New(env, said_[i]));
    }
    deferred_.Resolve(told);
  }

 private:
  Error run() {
    Fd cgroup;
    Error error = open_cgroup(cgroup_, path_, cgroup);
    if (error) return error;
    Results results;
    if (!results) return system_error("PICKET_CGROUP", "memory", errno);
    Addresses to = nobody();
    int pidfd = -1;
    clone_args how = {};
    how.flags = CLONE_INTO_CGROUP | CLONE_PIDFD;
    how.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    how.cgroup = static_cast<uint64_t>(cgroup.get());
    // No signal at its end: SIGCHLD is JavaScript's.
    auto child = static_cast<pid_t>(syscall(SYS_clone3, &how, sizeof how));
    if (child == 0) try_all(results.get(), to);
    if (child < 0) return system_error("PICKET_CGROUP", path_ + ": a process in it", errno);
    error = await(Fd(pidfd), child);
    for (size_t i = 0; i < kCount; i++) said_[i] = results.get()[i];
    if (!error && said_[kCount - 1] == kUntold) error = Error{"PICKET_CGROUP", "what was to try the network was ended"};
    return error;
  }

  Napi::Promise::Deferred deferred_;
  uint64_t cgroup_;
  std::string path_;
  Error error_;
  int said_[kCount] = {};
};

}  // namespace

Napi::Value try_inside(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Options options(env, info[0]);
  uint64_t cgroup = options.number("cgroup", 1, (1ull << 53) - 1);
  std::string path = options.text("cgroupPath");
  if (options.error()) {
    throw_js(env, options.error());
    return env.Undefined();
  }
  auto* attempt = new Try(env, cgroup, path);  // deletes itself when it is done
  Napi::Promise promise = attempt->promise();
  attempt->Queue();
  return promise;
}

}  // namespace picket
