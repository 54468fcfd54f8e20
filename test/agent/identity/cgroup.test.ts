/**
 * Paths as the runtimes make them, below the mount point of cgroup v2 or of v1's memory controller: systemd and cgroupfs
 * drivers, nodes that are containers, rootless ones, engines of one host.
 */
import { describe, expect, test } from 'vitest';
import { countOwners, ownerOf } from '../../../agent/identity/cgroup.ts';

const id = '0123456789abcdef'.repeat(4);
const other = 'fedcba9876543210'.repeat(4);
const uid = '1b2c3d4e-0000-4aaa-8bbb-123456789abc';
const slice = uid.replaceAll('-', '_');
const hash = 'ab'.repeat(16);

const POD_SLICE = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${slice}.slice`;
const USER = 'user.slice/user-1000.slice/user@1000.service';
const KIND_SLICE = `kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${slice}.slice`;

describe('Kubernetes', () => {
  test.each<[string, string, string, string | null]>([
    ['containerd, systemd driver', `/${POD_SLICE}/cri-containerd-${id}.scope`, 'containerd', uid],
    [
      'containerd, guaranteed',
      `/kubepods.slice/kubepods-pod${slice}.slice/cri-containerd-${id}.scope`,
      'containerd',
      uid,
    ],
    ['containerd, cgroupfs driver; GKE', `/kubepods/burstable/pod${uid}/${id}`, 'unknown', uid],
    [
      'containerd without its systemd driver, kubelet with it',
      `/system.slice/containerd.service/kubepods-burstable-pod${slice}.slice:cri-containerd:${id}`,
      'containerd',
      uid,
    ],
    ['CRI-O, systemd driver', `/${POD_SLICE}/crio-${id}.scope`, 'crio', uid],
    ['CRI-O, cgroupfs driver', `/kubepods/besteffort/pod${uid}/crio-${id}`, 'crio', uid],
    ['Docker through cri-dockerd, systemd driver', `/${POD_SLICE}/docker-${id}.scope`, 'docker', uid],
    ['a static pod', `/kubepods/burstable/pod${hash}/${id}`, 'unknown', hash],
    [
      'k3s',
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${slice}.slice/cri-containerd-${id}.scope`,
      'containerd',
      uid,
    ],
    ['k3s, rootless', `/${USER}/k3s-rootless.service/kubepods/besteffort/pod${uid}/${id}`, 'unknown', uid],
    ['kind or k3d, seen from the node', `/${KIND_SLICE}/cri-containerd-${id}.scope`, 'containerd', uid],
    ['kind with v1, seen from the node', `/kubelet/kubepods/burstable/pod${uid}/${id}`, 'unknown', uid],
    ['below another root', `/range/node-a/${POD_SLICE}/cri-containerd-${id}.scope`, 'containerd', uid],
  ])('%s', (_, path, runtime, podUid) => {
    expect(ownerOf(path)).toEqual({ kind: 'container', id, runtime, podUid, path });
  });
});

describe('engines of one host', () => {
  test.each<[string, string, string]>([
    ['Docker, systemd driver', `/system.slice/docker-${id}.scope`, 'docker'],
    ['Docker, cgroupfs driver', `/docker/${id}`, 'docker'],
    ['Docker, with a parent of its own', `/my.slice/docker-${id}.scope`, 'docker'],
    ['Docker, rootless', `/${USER}/user.slice/docker-${id}.scope`, 'docker'],
    ['Podman', `/machine.slice/libpod-${id}.scope`, 'podman'],
    [
      'Podman, in a pod of its',
      `/machine.slice/machine-libpod_pod_${other}.slice/libpod-${id}.scope`,
      'podman',
    ],
    ['Podman, cgroupfs driver', `/libpod_parent/libpod-${id}`, 'podman'],
    ['Podman, rootless', `/${USER}/user.slice/libpod-${id}.scope`, 'podman'],
    ['Podman, in a unit (quadlet)', `/system.slice/web.service/libpod-payload-${id}`, 'podman'],
    ['nerdctl', `/system.slice/nerdctl-${id}.scope`, 'containerd'],
    ['ECS', `/ecs/${hash}/${id}`, 'unknown'],
  ])('%s', (_, path, runtime) => {
    expect(ownerOf(path)).toEqual({ kind: 'container', id, runtime, podUid: null, path });
  });
});

describe('what is inside a container is the container’s', () => {
  const docker = `/system.slice/docker-${id}.scope`;
  test.each([
    [
      'crun’s own sub-group',
      `/machine.slice/libpod-${id}.scope/container`,
      `/machine.slice/libpod-${id}.scope`,
    ],
    ['systemd in it', `${docker}/system.slice/nginx.service`, docker],
    ['Docker in Docker', `${docker}/docker/${other}`, docker],
    ['a pod of kind, seen from the host', `${docker}/${KIND_SLICE}/cri-containerd-${other}.scope`, docker],
    ['a name chosen to look like another container', `${docker}/cri-containerd-${other}.scope`, docker],
  ])('%s', (_, path, owner) => {
    expect(ownerOf(path)).toMatchObject({ kind: 'container', id, path: owner });
  });
});

describe('services', () => {
  const service = (name: string, path: string) => ({
    kind: 'service',
    id: name,
    runtime: 'systemd',
    podUid: null,
    path,
  });
  test.each([
    ['of the machine', '/system.slice/ssh.service', 'ssh.service', '/system.slice/ssh.service'],
    [
      'with sub-groups',
      '/system.slice/ssh.service/session/x.service',
      'ssh.service',
      '/system.slice/ssh.service',
    ],
    ['of a user', `/${USER}/app.slice/app.service`, 'user@1000.service', `/${USER}`],
    [
      'the supervisor beside a quadlet’s container',
      '/system.slice/web.service/supervisor',
      'web.service',
      '/system.slice/web.service',
    ],
    [
      'conmon of rootless podman',
      `/${USER}/user.slice/libpod-conmon-${id}.scope`,
      'user@1000.service',
      `/${USER}`,
    ],
  ])('%s', (_, path, name, owner) => {
    expect(ownerOf(path)).toEqual(service(name, owner));
  });
});

test('all else is the host’s', () => {
  for (const path of [
    '/',
    '',
    '/user.slice/user-0.slice/session-1.scope',
    '/init.scope',
    `/x/${id.slice(1)}`,
    `/machine.slice/libpod-conmon-${id}.scope`,
    `/${POD_SLICE}/crio-conmon-${id}.scope`,
    `/machine.slice/machine-libpod_pod_${other}.slice`,
    `/${POD_SLICE}`,
  ])
    expect([path, ownerOf(path)]).toEqual([path, null]);
});

test('containers are counted once, whatever is in them', () => {
  expect(countOwners([`/docker/${id}`, `/docker/${id}/x`, '/docker', '/system.slice/a.service', '/'])).toBe(
    2,
  );
});
