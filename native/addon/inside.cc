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
#include <vector>

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
constexpr size_t kMostTries = 32;
// Not tried, for want of such sockets here: no way out either.
constexpr int kNoSockets = -1;
constexpr int kUntold = -2;

struct Attempt {
  sockaddr_storage to;
  socklen_t size;
  int type;
  bool loopback;  // sent over the loopback device, where an address that is not this machine's goes nowhere
};

bool make_attempt(const std::string& address, uint16_t port, int type, Attempt& attempt) {
  attempt = {};
  attempt.type = type;
  bool v4 = address.find(':') == std::string::npos;
  attempt.size = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  attempt.to.ss_family = v4 ? AF_INET : AF_INET6;
  auto* in4 = reinterpret_cast<sockaddr_in*>(&attempt.to);
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&attempt.to);
  (v4 ? in4->sin_port : in6->sin6_port) = htons(port);
  return inet_pton(attempt.to.ss_family, address.c_str(), v4 ? static_cast<void*>(&in4->sin_addr) : &in6->sin6_addr) == 1;
}

std::vector<Attempt> nobody() {
  std::vector<Attempt> all(4);
  make_attempt(kNobody4, kDiscard, SOCK_STREAM, all[0]);
  make_attempt(kNobody6, kDiscard, SOCK_STREAM, all[1]);
  make_attempt(kNobody4, kDiscard, SOCK_DGRAM, all[2]);
  make_attempt(kNobody6, kDiscard, SOCK_DGRAM, all[3]);
  return all;
}

// In the child of a process with threads: system calls only, nothing that takes a lock.
int try_one(const Attempt& attempt) {
  int socket = ::socket(attempt.to.ss_family, attempt.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return kNoSockets;
  if (attempt.loopback && setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0) {
    close(socket);
    return kNoSockets;
  }
  const auto* to = reinterpret_cast<const sockaddr*>(&attempt.to);
  long result = attempt.type == SOCK_STREAM ? connect(socket, to, attempt.size) : sendto(socket, "", 0, 0, to, attempt.size);
  int said = result < 0 ? errno : 0;
  close(socket);
  return said;
}

[[noreturn]] void try_all(volatile int* results, const Attempt* attempts, size_t count) {
  for (size_t i = 0; i < count; i++) results[i] = try_one(attempts[i]);
  _exit(0);
}

// A page that parent and child share.
class Results {
 public:
  Results() : at_(mmap(nullptr, kMostTries * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (*this) for (size_t i = 0; i < kMostTries; i++) get()[i] = kUntold;
  }
  ~Results() {
    if (*this) munmap(at_, kMostTries * sizeof(int));
  }
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;
  explicit operator bool() const { return at_ != MAP_FAILED; }
  volatile int* get() const { return static_cast<volatile int*>(at_); }

 private:
  void* at_;
};

// Waits for the child's end and ends it when it takes too long.
Error await(const Fd& process, pid_t child, int* status = nullptr) {
  struct pollfd ended = {process.get(), POLLIN, 0};
  int ready = poll(&ended, 1, kPatienceMs);
  if (ready <= 0) kill(child, SIGKILL);
  waitpid(child, status, __WALL);
  return ready > 0 ? Error{} : Error{"PICKET_CGROUP", "what was to try it did not run in time"};
}

Error open_cgroup(uint64_t cgroup, const std::string& path, Fd& fd) {
  fd = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info;
  if (!fd || fstat(fd.get(), &info) != 0) return system_error("PICKET_CGROUP", path, errno);
  return info.st_ino == cgroup ? Error{} : Error{"PICKET_CGROUP", path + " is not the cgroup " + std::to_string(cgroup)};
}

// A child in the cgroup; 0 in the child itself.
pid_t start_in(const Fd& cgroup, int& pidfd) {
  clone_args how = {};
  how.flags = CLONE_INTO_CGROUP | CLONE_PIDFD;
  how.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  how.cgroup = static_cast<uint64_t>(cgroup.get());
  // No signal at its end: SIGCHLD is JavaScript's.
  return static_cast<pid_t>(syscall(SYS_clone3, &how, sizeof how));
}

// What each attempt said, by name where the attempts have names, else in order.
class Try : public Napi::AsyncWorker {
 public:
  Try(Napi::Env env, uint64_t cgroup, std::string path, std::vector<Attempt> attempts, bool named)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        cgroup_(cgroup),
        path_(std::move(path)),
        attempts_(std::move(attempts)),
        said_(attempts_.size(), kUntold),
        named_(named) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  // On a thread of the pool.
  void Execute() override { error_ = attempts_.empty() ? Error{} : run(); }

  void OnOK() override {
    Napi::Env env = Env();
    Napi::HandleScope scope(env);
    if (error_) return deferred_.Reject(to_js(env, error_).Value());
    Napi::Object told = named_ ? Napi::Object::New(env) : Napi::Array::New(env, said_.size()).As<Napi::Object>();
    for (uint32_t i = 0; i < said_.size(); i++) {
      Napi::Value value = said_[i] == kNoSockets ? env.Null() : Napi::Value(Napi::Number::New(env, said_[i]));
      if (named_) told.Set(kTries[i], value);
      else told.Set(i, value);
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
    int pidfd = -1;
    pid_t child = start_in(cgroup, pidfd);
    if (child == 0) try_all(results.get(), attempts_.data(), attempts_.size());
    if (child < 0) return system_error("PICKET_CGROUP", path_ + ": a process in it", errno);
    error = await(Fd(pidfd), child);
    for (size_t i = 0; i < said_.size(); i++) said_[i] = results.get()[i];
    if (!error && said_.back() == kUntold) error = Error{"PICKET_CGROUP", "what was to try the network was ended"};
    return error;
  }

  Napi::Promise::Deferred deferred_;
  uint64_t cgroup_;
  std::string path_;
  std::vector<Attempt> attempts_;
  std::vector<int> said_;
  bool named_;
  Error error_;
};

// Whether a program runs in the cgroup: one that ends at once. 0: it ran; an errno: it was refused; -1: it was ended.
class TryExec : public Napi::AsyncWorker {
 public:
  TryExec(Napi::Env env, uint64_t cgroup, std::string path, std::string program)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        cgroup_(cgroup),
        path_(std::move(path)),
        program_(std::move(program)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  // On a thread of the pool.
  void Execute() override { error_ = run(); }

  void OnOK() override {
    Napi::HandleScope scope(Env());
    if (error_) return deferred_.Reject(to_js(Env(), error_).Value());
    deferred_.Resolve(Napi::Number::New(Env(), said_));
  }

 private:
  static constexpr int kRefused = 100;

  Error run() {
    Fd cgroup;
    Error error = open_cgroup(cgroup_, path_, cgroup);
    if (error) return error;
    Results results;
    if (!results) return system_error("PICKET_CGROUP", "memory", errno);
    char* arguments[] = {program_.data(), nullptr};
    char* environment[] = {nullptr};
    int pidfd = -1;
    pid_t child = start_in(cgroup, pidfd);
    if (child == 0) {
      execve(program_.c_str(), arguments, environment);
      *results.get() = errno;
      _exit(kRefused);
    }
    if (child < 0) return system_error("PICKET_CGROUP", path_ + ": a process in it", errno);
    int status = 0;
    error = await(Fd(pidfd), child, &status);
    said_ = *results.get() != kUntold ? *results.get() : WIFEXITED(status) ? 0 : -1;
    return error;
  }

  Napi::Promise::Deferred deferred_;
  uint64_t cgroup_;
  std::string path_, program_;
  int said_ = 0;
  Error error_;
};

Attempt read_peer(Options& options) {
  Attempt attempt = {};
  std::string protocol = options.text("protocol");
  if (protocol != "tcp" && protocol != "udp") options.fail("protocol must be tcp or udp");
  std::string address = options.text("address");
  auto port = static_cast<uint16_t>(options.number("port", 1, 65535));
  if (!make_attempt(address, port, protocol == "tcp" ? SOCK_STREAM : SOCK_DGRAM, attempt)) {
    options.fail("not an address: " + address);
  }
  attempt.loopback = true;
  return attempt;
}

std::vector<Attempt> read_peers(Napi::Env env, Options& options) {
  std::vector<Attempt> peers;
  Napi::Array array = options.array("peers");
  if (array.Length() > kMostTries) options.fail("peers: more than " + std::to_string(kMostTries));
  for (uint32_t i = 0; i < array.Length() && !options.error(); i++) {
    Options one(env, array.Get(i));
    peers.push_back(read_peer(one));
    if (one.error()) options.fail("peers: " + one.error().message);
  }
  return peers;
}

Napi::Value begin(const Napi::CallbackInfo& info, bool peers) {
  Napi::Env env = info.Env();
  Options options(env, info[0]);
  uint64_t cgroup = options.number("cgroup", 1, (1ull << 53) - 1);
  std::string path = options.text("cgroupPath");
  std::vector<Attempt> attempts = peers ? read_peers(env, options) : nobody();
  if (options.error()) {
    throw_js(env, options.error());
    return env.Undefined();
  }
  auto* attempt = new Try(env, cgroup, path, std::move(attempts), !peers);  // deletes itself when it is done
  Napi::Promise promise = attempt->promise();
  attempt->Queue();
  return promise;
}

}  // namespace

Napi::Value try_inside(const Napi::CallbackInfo& info) { return begin(info, false); }

Napi::Value try_peers(const Napi::CallbackInfo& info) { return begin(info, true); }

Napi::Value try_exec(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Options options(env, info[0]);
  uint64_t cgroup = options.number("cgroup", 1, (1ull << 53) - 1);
  std::string path = options.text("cgroupPath");
  std::string program = options.text("program");
  if (options.error()) {
    throw_js(env, options.error());
    return env.Undefined();
  }
  auto* attempt = new TryExec(env, cgroup, std::move(path), std::move(program));  // deletes itself when it is done
  Napi::Promise promise = attempt->promise();
  attempt->Queue();
  return promise;
}

}  // namespace picket
