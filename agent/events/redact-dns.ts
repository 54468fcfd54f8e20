/** A DNS record with its names replaced: labels of the same length, the same for the same label, the last two as they are. */
import { createHash } from 'node:crypto';
import { readDns } from './dns-message.ts';
import { LAYOUT } from './layout.ts';

const HEADER_BYTES = 12;
/** Of a name those that a registrant did not choose for one purpose: they stay, so that facts stay comparable. */
const KEPT_LABELS = 2;
const ADDRESS_TYPES = [1, 28];

/** Letters and digits in place of a label; at most 63, as labels are. */
function hashed(label: string): string {
  const digest = createHash('sha512').update(label).digest('base64url').toLowerCase();
  return digest.replaceAll(/[_-]/g, 'x').slice(0, label.length);
}

function redactName(name: string): string {
  const labels = name.split('.');
  const kept = Math.max(0, labels.length - KEPT_LABELS);
  return labels.map((label, index) => (index < kept ? hashed(label) : label)).join('.');
}

/** Escapes are of one byte each: what they stand for is redacted with the label, or was kept as four characters. */
const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .split('.')
      .filter((label) => label !== '')
      .flatMap((label) => [Buffer.from([Math.min(63, label.length)]), Buffer.from(label).subarray(0, 63)]),
    Buffer.from([0]),
  ]);

function addressRecord(address: Buffer, ttlS: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(ADDRESS_TYPES[address.length === 4 ? 0 : 1] ?? 0, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttlS, 6);
  head.writeUInt16BE(address.length, 10);
  return Buffer.concat([head, address]);
}

/** `1.2.3.4` or an IPv6 address in the form that addressText gives. */
function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address
    .split('::')
    .map((side) => side.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const groups = [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** Question and addresses only: aliases, free text and what is odd about it are left out. */
export function redactDns(record: Buffer): Buffer {
  const at = LAYOUT['dns_record.message'];
  const used = Math.min(record.readUInt16LE(LAYOUT['dns_record.used']), LAYOUT.DNS_BYTES);
  const message = record.subarray(at, at + used);
  const { name, addresses } = readDns(message);
  const end = HEADER_BYTES + nameBytes(name).length;
  const kind = message.subarray(end, end + 4);
  const head = Buffer.alloc(HEADER_BYTES);
  message.copy(head, 0, 0, HEADER_BYTES);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map(({ address, ttlS }) => addressRecord(addressBytes(address), ttlS));
  const parts = [
    head,
    nameBytes(redactName(name)),
    kind.length === 4 ? kind : Buffer.from([0, 0, 0, 1]),
    ...records,
  ];
  const told = Buffer.concat(parts).subarray(0, LAYOUT.DNS_BYTES);
  const redacted = Buffer.from(record);
  redacted.fill(0, at);
  told.copy(redacted, at);
  redacted.writeUInt16LE(told.length, LAYOUT['dns_record.used']);
  redacted.writeUInt32LE(
    Math.max(told.length, record.readUInt32LE(LAYOUT['dns_record.total'])),
    LAYOUT['dns_record.total'],
  );
  return redacted;
}
