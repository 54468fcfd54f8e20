// SPDX-License-Identifier: Apache-2.0
#include "allowed.h"

#include <arpa/inet.h>

#include <string>

namespace picket {

namespace {

constexpr uint64_t kMaxPort = 65535;

uint8_t protocol_of(Options& options) {
  std::string name = options.text("protocol");
  if (name == "any") return 0;
  if (name == "tcp") return IPPROTO_TCP;
  if (name == "udp") return IPPROTO_UDP;
  options.fail("protocol must be any, tcp or udp");
  return 0;
}

// Mask and network of the first `bits` bits of 16 bytes.
void read_network(Options& options, allowed_peer& peer) {
  std::string address = options.text("address");
  peer.family = address.find(':') == std::string::npos ? 4 : 6;
  uint64_t bits = options.number("bits", 0, peer.family == 4 ? 32 : 128);
  if (!options.error() && inet_pton(peer.family == 4 ? AF_INET : AF_INET6, address.c_str(), peer.network) != 1) {
    options.fail("not an address: " + address);
  }
  auto* mask = reinterpret_cast<uint8_t*>(peer.mask);
  for (uint64_t bit = 0; bit < bits; bit++) mask[bit / 8] |= static_cast<uint8_t>(0x80 >> (bit % 8));
  // What an IPv4 address leaves of the 16 bytes is 0 in packets too.
  for (int word = 0; word < 4; word++) peer.network[word] &= peer.mask[word];
}

allowed_peer read_peer(Options& options) {
  allowed_peer peer = {};
  std::string direction = options.text("direction");
  if (direction != "to" && direction != "from") options.fail("direction must be to or from");
  peer.inward = direction == "from";
  peer.protocol = protocol_of(options);
  peer.port_low = static_cast<uint16_t>(options.number("low", 0, kMaxPort));
  peer.port_high = static_cast<uint16_t>(options.number("high", peer.port_low, kMaxPort));
  read_network(options, peer);
  return peer;
}

}  // namespace

allowed_peers read_allowed(Napi::Env env, Options& options) {
  allowed_peers all = {};
  Napi::Array array = options.array("allow");
  if (array.Length() > ALLOWED_PEERS) options.fail("allow: more than " + std::to_string(ALLOWED_PEERS) + " peers");
  for (uint32_t i = 0; i < array.Length() && !options.error(); i++) {
    Options one(env, array.Get(i));
    all.peers[all.count++] = read_peer(one);
    if (one.error()) options.fail("allow: " + one.error().message);
  }
  return all;
}

}  // namespace picket
