import { expect, test } from 'vitest';
import { ownerOf } from '../../../agent/identity/cgroup.ts';

const id = '0123456789abcdef'.repeat(4);
const uid = '1b2c3d4e-0000-4aaa-8bbb-123456789abc';
const slice = uid.replaceAll('-', '_');

const container = (path: string, runtime: string, podUid: string | null = uid, own = path) => ({
  kind: 'container',
  id,
  runtime,
  podUid,
  path: own,
});

test.each([
  [
    'containerd, systemd driver',
    `/kubepods.slice/kubepods-pod${slice}.slice/cri-containerd-${id}.scope`,
    'containerd',
    uid,
  ],
  [
    'below another root',
    `/range/node-a/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${slice}.slice/cri-containerd-${id}.scope`,
    'containerd',
    uid,
  ],
  [
    'CRI-O',
    `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${slice}.slice/crio-${id}.scope`,
    'crio',
    uid,
  ],
  ['cgroupfs driver', `/kubepods/burstable/pod${uid}/${id}`, 'unknown', uid],
  ['a static pod', `/kubepods/burstable/pod${'ab'.repeat(16)}/${id}`, 'unknown', 'ab'.repeat(16)],
  ['Docker, systemd driver', `/system.slice/docker-${id}.scope`, 'docker', null],
  ['Docker, cgroupfs driver', `/docker/${id}`, 'docker', null],
  ['Podman', `/machine.slice/libpod-${id}.scope`, 'podman', null],
  ['nerdctl', `/system.slice/nerdctl-${id}.scope`, 'containerd', null],
])('finds the container of %s', (_, path, runtime, podUid) => {
  expect(ownerOf(path)).toEqual(container(path, runtime, podUid));
});

test('a nested cgroup belongs to the top-most owner above it', () => {
  const own = `/system.slice/docker-${id}.scope`;
  expect(ownerOf(`${own}/system.slice/nginx.service/${'f'.repeat(64)}`)).toEqual(
    container(`${own}`, 'docker', null, own),
  );
  expect(ownerOf('/system.slice/ssh.service/session/x.service')).toEqual({
    kind: 'service',
    id: 'ssh.service',
    runtime: 'systemd',
    podUid: null,
    path: '/system.slice/ssh.service',
  });
});

test('a container’s terminal holder is no container', () => {
  expect(ownerOf(`/machine.slice/libpod-conmon-${id}.scope`)).toMatchObject({
    kind: 'service',
    id: 'libpod-conmon',
  });
});

test('all else is the host’s', () => {
  for (const path of [
    '/',
    '',
    '/user.slice/user-0.slice/session-1.scope',
    '/init.scope',
    `/x/${id.slice(1)}`,
  ])
    expect(ownerOf(path)).toBeNull();
});
