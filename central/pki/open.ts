/** All keys of central, opened or made, in the order in which they depend on each other. */
import type { Clock } from '../../kit/clock.ts';
import { type Authority, createAuthority, type KeyPair } from './authority.ts';
import { privateFolder } from './files.ts';
import { type HashKeys, openHashKeys } from './hash-keys.ts';
import {
  type OrderSigner,
  openAuditKey,
  openAuditToken,
  openJoinToken,
  openOrderSigner,
  openPeopleTokens,
  type PeopleToken,
} from './keys.ts';

export interface Keys {
  readonly authority: Authority;
  readonly server: KeyPair;
  readonly signer: OrderSigner;
  readonly auditKey: Uint8Array;
  readonly hashKeys: HashKeys;
  readonly joinToken: string;
  readonly auditToken: string;
  /** As they are now. */
  readonly people: () => readonly PeopleToken[];
}

/** @throws KeyFileError when others than the owner can read one of them. */
export async function openKeys(folder: string, names: readonly string[], clock: Clock): Promise<Keys> {
  privateFolder(folder);
  const authority = await createAuthority({ folder, clock });
  return {
    authority,
    server: await authority.server(names),
    signer: await openOrderSigner(folder),
    auditKey: await openAuditKey(folder),
    hashKeys: await openHashKeys(folder, clock),
    joinToken: await openJoinToken(folder),
    auditToken: await openAuditToken(folder),
    people: await openPeopleTokens(folder),
  };
}
