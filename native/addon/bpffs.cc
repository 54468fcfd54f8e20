// SPDX-License-Identifier: Apache-2.0
#include "bpffs.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace picket {

namespace {

constexpr long kBpfMagic = 0xcafe4a11;  // linux/magic.h
constexpr const char* kStandard = "/sys/fs/bpf";
constexpr mode_t kOnlyRoot = 0700;

bool is_on_bpffs(const std::string& path) {
  struct statfs info;
  return statfs(path.c_str(), &info) == 0 && static_cast<unsigned long>(info.f_type) == static_cast<unsigned long>(kBpfMagic);
}

std::string parent_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string nearest_existing(std::string path) {
  while (path.size() > 1 && access(path.c_str(), F_OK) != 0) path = parent_of(path);
  return path;
}

Error make_folders(const std::string& path) {
  if (path.size() > 1 && access(path.c_str(), F_OK) != 0) {
    Error error = make_folders(parent_of(path));
    if (error) return error;
  }
  return make_folder(path);
}

bool is_mount_root(const std::string& path) {
  struct stat here, above;
  return stat(path.c_str(), &here) == 0 && stat(parent_of(path).c_str(), &above) == 0 && here.st_dev != above.st_dev;
}

}  // namespace

Error make_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), kOnlyRoot) != 0 && errno != EEXIST) return system_error("PICKET_PIN", folder, errno);
  return {};
}

Error make_pin_folder(const std::string& folder) {
  if (folder.empty() || folder[0] != '/') return Error{"PICKET_ARGUMENT", "pinFolder must be absolute: " + folder};
  if (is_on_bpffs(nearest_existing(folder))) return make_folders(folder);
  bool below_standard = folder.compare(0, std::char_traits<char>::length(kStandard), kStandard) == 0;
  std::string point = below_standard ? kStandard : folder;
  Error error = make_folders(point);
  if (error) return error;
  if (!list_folder(point).empty()) return Error{"PICKET_PIN", point + " is not a bpf file system and not empty"};
  if (mount("bpf", point.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
    return system_error("PICKET_PIN", "mount -t bpf " + point, errno);
  }
  return make_folders(folder);
}

std::vector<std::string> list_folder(const std::string& folder) {
  std::vector<std::string> names;
  DIR* handle = opendir(folder.c_str());
  if (handle == nullptr) return names;
  while (struct dirent* entry = readdir(handle)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(handle);
  return names;
}

Error pin_in_place(int fd, const std::string& path) {
  std::string fresh = path + "-new";
  unlink(fresh.c_str());
  if (bpf_obj_pin(fd, fresh.c_str()) != 0) return system_error("PICKET_PIN", fresh, errno);
  if (rename(fresh.c_str(), path.c_str()) != 0) return system_error("PICKET_PIN", path, errno);
  return {};
}

Error remove_layout(const std::string& folder) {
  for (const std::string& name : list_folder(folder)) {
    std::string inner = folder + "/" + name;
    for (const std::string& pin : list_folder(inner)) unlink((inner + "/" + pin).c_str());
    rmdir(inner.c_str());
  }
  if (rmdir(folder.c_str()) != 0 && errno != ENOENT) return system_error("PICKET_PIN", folder, errno);
  return {};
}

Error remove_pin_folder(const std::string& folder, const std::string& layout_folder) {
  Error error = remove_layout(layout_folder);
  if (error) return error;
  if (folder != kStandard && is_on_bpffs(folder) && is_mount_root(folder)) umount2(folder.c_str(), MNT_DETACH);
  if (folder != kStandard) rmdir(folder.c_str());  // stays where something else is in it
  return {};
}

}  // namespace picket
