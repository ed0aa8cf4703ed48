// Every flow of polkadot-api 2.2.2 against the node whose address is the first argument; the second is `raw` for the
// provider that does not put the legacy methods in place of missing ones.
import { ed25519 } from '@noble/curves/ed25519.js';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { AccountId, createClient, Enum } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';
import { getWsProvider, getWsRawProvider } from 'polkadot-api/ws';
import WebSocket from 'ws';

const raw = process.argv[3] === 'raw';
const provider = (raw ? getWsRawProvider : getWsProvider)(process.argv[2], { websocketClass: WebSocket });
const client = createClient(provider);
const api = client.getUnsafeApi();
const key = (seed) => {
  const address = AccountId(42).dec(ed25519.getPublicKey(seed));
  return { address, signer: getPolkadotSigner(ed25519.getPublicKey(seed), 'Ed25519', (bytes) => ed25519.sign(bytes, seed)) };
};
const me = key(new Uint8Array(createHash('sha256').update('salus development key: council').digest()));
const byte = (value) => key(new Uint8Array(32).fill(value));
const nobody = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY';

const send = (call, options) => call.signAndSubmit(me.signer, options);
const names = (result) => result.events.map(({ type, value }) => `${type}.${value.type}`);
const refused = async (call, signer, options, words) => {
  await assert.rejects(call.signAndSubmit(signer, options), (error) => error.message.includes(words));
};
const flow = async (name, run) => {
  const timer = setTimeout(() => { console.log(`${name}: no answer`); process.exit(1); }, 60_000);
  try { await run(); } catch (error) { console.log(`${name}: ${error.stack}`); process.exit(1); }
  clearTimeout(timer);
  console.log(`${name}: good`);
};
const motion = ['Council.Proposed', 'Council.Passed', 'Council.Executed', 'System.ExtrinsicSuccess'];

await flow('chain', async () => assert.equal((await client.getChainSpecData()).name, 'Salus Development'));
await flow('constants', async () => assert.equal(await api.constants.System.SS58Prefix(), 42));
await flow('plain value', async () => assert.equal((await api.query.System.ChainParameters.getValue()).block_interval_min, 200n));
await flow('map', async () => assert.equal((await api.query.System.Account.getValue(me.address)).subject.type, 'Council'));
await flow('default', async () => assert.equal((await api.query.System.Account.getValue(nobody)).nonce, 0));
await flow('absent value', async () => assert.equal(await api.query.Council.Motions.getValue(31), undefined));
await flow('iteration', async () => assert.equal((await api.query.System.Account.getEntries()).length, 1));
await flow('runtime function', async () => assert.equal(await api.apis.AccountNonceApi.account_nonce(me.address), 0));
await flow('default mortality', async () => assert.deepEqual(names(await send(api.tx.System.noop())), ['System.ExtrinsicSuccess']));
await flow('immortal', async () => assert.ok((await send(api.tx.System.noop(), { mortality: { mortal: false } })).ok));
await flow('long mortality', async () => assert.ok((await send(api.tx.System.noop(), { mortality: { mortal: true, period: 1024 } })).ok));
await flow('motion', async () => {
  const parameters = await api.query.System.ChainParameters.getValue();
  assert.deepEqual(names(await send(api.tx.Council.propose({ act: Enum('ParametersSet', { parameters }), cosign: [] }))), motion);
});
await flow('payload that is hashed', async () => {
  const members = [me, ...Array.from({ length: 11 }, (_, i) => byte(i + 1))].map(({ address }) => address);
  assert.deepEqual(names(await send(api.tx.Council.propose({ act: Enum('CouncilSet', { members, threshold: 1 }), cosign: [] }))), motion);
});
await flow('refusal by a pallet', async () => {
  const { ok, dispatchError } = await send(api.tx.Council.propose({ act: Enum('CouncilSet', { members: [], threshold: 1 }), cosign: [] }));
  assert.equal(ok, false);
  const { type, value } = dispatchError.value;
  assert.deepEqual([type, value.type, value.value.type], ['Council', 'BadAct', 'BadMembers']);
});
await flow('unregistered signer', () => refused(api.tx.System.noop(), byte(0x77).signer, {}, '"Custom"'));
await flow('stale nonce', () => refused(api.tx.System.noop(), me.signer, { nonce: 0 }, '"Stale"'));
await flow('cost', async () => assert.equal(await api.tx.System.noop().getEstimatedFees(me.address), 0n));
await flow('what becomes of a call', () => new Promise((resolve, reject) => {
  const seen = [];
  api.tx.System.noop().signSubmitAndWatch(me.signer).subscribe({
    next: ({ type }) => { seen.push(type); if (type === 'finalized') resolve(); },
    error: reject,
  });
}));
await flow('finalised blocks without a gap', () => new Promise((resolve, reject) => {
  let last; let seen = 0;
  client.finalizedBlock$.subscribe({
    next: (block) => {
      if (last && block.parent !== last.hash) reject(new Error(`${last.number}, then ${block.number}`));
      last = block; seen += 1;
      if (seen === 10) resolve(); else send(api.tx.System.noop()).catch(() => {});
    },
    error: reject,
  });
}));
await flow('value that changes', () => new Promise((resolve, reject) => {
  let first;
  api.query.System.Account.watchValue(me.address).subscribe({
    next: ({ value }) => { if (first === undefined) { first = value.nonce; send(api.tx.System.noop()); } else if (value.nonce > first) resolve(); },
    error: reject,
  });
}));
await flow('entries that change', () => new Promise((resolve, reject) => {
  let seen = 0;
  api.query.System.Account.watchEntries().subscribe({
    next: () => { seen += 1; if (seen === 2) resolve(); else send(api.tx.System.noop()); },
    error: reject,
  });
}));
await flow('block', async () => {
  const { hash } = await client.getFinalizedBlock();
  assert.ok((await client.getBlockBody(hash)).length <= 1);
  assert.equal((await client.getBlockHeader(hash)).digests[0].value.engine, 'SALS');
});
if (!raw) {
  await flow('old state', async () => {
    const at = await client._request('chain_getBlockHash', [0]);
    assert.equal((await api.query.System.Events.getValue({ at })).length, 0);
  });
}
console.log('every flow is good');
process.exit(0);
