import { expect, test } from 'vitest';
import { readDns } from '../../../agent/events/dns-message.ts';
import { answer, nameBytes, question } from '../../builders/dns.ts';

const plain = { id: 0x1234, type: 'A', code: 'ok', addresses: [], aliases: [], odd: null };

test('reads a question, in one case', () => {
  expect(readDns(question('API.Example.com', 'TXT'))).toEqual({
    ...plain,
    name: 'api.example.com',
    type: 'TXT',
  });
});

test('reads addresses of the name and of what it stands for, and no others', () => {
  const bytes = answer('www.example.com', [
    { name: 'www.example.org', type: 'A', data: '203.0.113.66' },
    { name: null, type: 'CNAME', data: 'edge.example.net' },
    { name: 'edge.example.net', type: 'A', ttlS: 30, data: '203.0.113.7' },
    { name: 'edge.example.net', type: 'AAAA', data: Buffer.from('20010db8000000000000000000000001', 'hex') },
    { name: null, type: 'TXT', data: Buffer.from('x') },
  ]);
  expect(readDns(bytes)).toEqual({
    ...plain,
    name: 'www.example.com',
    aliases: ['edge.example.net'],
    addresses: [
      { address: '203.0.113.7', ttlS: 30 },
      { address: '2001:db8::1', ttlS: 60 },
    ],
  });
});

test('keeps what it could read of one that was cut', () => {
  const bytes = answer('a.example', [
    { name: null, type: 'A', data: '203.0.113.1' },
    { name: null, type: 'A', data: '203.0.113.2' },
  ]);
  expect(readDns(bytes.subarray(0, bytes.length - 1))).toMatchObject({
    name: 'a.example',
    addresses: [{ address: '203.0.113.1' }],
    odd: 'short',
  });
});

const withName = (name: readonly number[]): Buffer =>
  Buffer.concat([
    Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    Buffer.from(name),
    Buffer.from([0, 1, 0, 1]),
  ]);

test.each([
  ['points to itself', [0xc0, 12], 'loop'],
  ['points to what comes after it', [0xc0, 14, 0xc0, 12], 'loop'],
  ['begins with a label and points to itself', [1, 97, 0xc0, 12], 'loop'],
  ['has a label of a kind that does not exist', [0x80, 1], 'label'],
  ['goes on behind the message', [63, 1], 'short'],
  ['is too long', Array.from({ length: 10 }, () => [31, ...new Array(31).fill(97)]).flat(), 'long-name'],
])('tells a name that %s', (_, name, odd) => {
  expect(readDns(withName(name as number[]))).toMatchObject({ name: '', odd });
});

test('follows pointers that point to before them', () => {
  const bytes = Buffer.concat([
    answer('example.com', []),
    Buffer.from([3, 119, 119, 119, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]),
  ]);
  bytes.writeUInt16BE(1, 6);
  expect(readDns(bytes)).toMatchObject({ name: 'example.com', addresses: [], odd: null });
});

test('writes bytes that are no characters of names as numbers', () => {
  expect(readDns(withName([...nameBytes('x')].toSpliced(1, 1, 0x2e))).name).toBe('\\046');
});
