// SPDX-License-Identifier: Apache-2.0
// The pinned containment: maps, programs and links that live without this process.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bpf.h"
#include "network_links.h"
#include "records.h"

struct contain_bpf;

namespace picket {

struct ContainRequest {
  uint64_t cgroup = 0;
  std::string cgroup_path;
  bool network_deny = false;
  uint32_t flags = 0;  // CONTAIN_*
  allowed_peers allowed = {};
  uint64_t until = 0, order = 0;
};

// All methods on one thread.
class Containments {
 public:
  explicit Containments(const std::string& pin_folder);

  // Takes over what an earlier agent pinned, or installs; maps with their entries stay either way. Entries of an older
  // layout are moved into this one; a newer layout is refused.
  Error open();
  bool adopted() const { return adopted_; }
  const std::vector<Hook>& hooks() const { return hooks_; }
  // Why exec deny was refused when it was last asked for, or what is in doubt of it; empty: neither.
  const std::string& exec_deny_refusal() const { return exec_deny_refusal_; }

  Error contain(const ContainRequest& request);
  Error release(uint64_t cgroup, bool& existed);
  std::vector<std::pair<uint64_t, containment>> list() const;
  Error set_node_addresses(const std::vector<std::string>& addresses);
  Error remove();
  void close();

 private:
  Error adopt(bool& complete);
  Error install();
  Error load(struct contain_bpf** skeleton);
  Error pin_programs(struct contain_bpf* skeleton);
  Error migrate(uint32_t layout);
  Error open_maps();
  Error attach(const ContainRequest& request);
  Error write_entry(const ContainRequest& request, const containment& entry);
  Error write_settings();
  void keep_exec_deny();
  bool denies_exec() const;
  bool can_deny_exec();

  std::string pin_folder_, folder_;
  std::string exec_deny_refusal_;
  bool adopted_ = false;
  std::vector<Hook> hooks_;
  Programs programs_;
  Fd containments_, node_addresses_, settings_, allowed_;
};

}  // namespace picket
