// Every flow of @polkadot/api 16.5.6 against the node whose address is the first argument.
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

const api = await ApiPromise.create({ provider: new WsProvider(process.argv[2]), noInitWarn: true });
const keyring = new Keyring({ type: 'ed25519' });
const me = keyring.addFromSeed(createHash('sha256').update('salus development key: council').digest());
const key = (byte) => keyring.addFromSeed(new Uint8Array(32).fill(byte));
const nobody = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY';

const send = (call, options = {}) => new Promise((resolve, reject) => {
  call.signAndSend(me, options, (result) => {
    if (result.status.isFinalized) resolve(result);
    else if (result.isError) reject(new Error(`status ${result.status.type}`));
  }).catch(reject);
});
const names = (result) => result.events.map(({ event }) => `${event.section}.${event.method}`);
const refused = async (call, signer, options, words) => {
  await assert.rejects(call.signAndSend(signer, options), (error) => error.message.includes(words));
};
const flow = async (name, run) => {
  const timer = setTimeout(() => { console.log(`${name}: no answer`); process.exit(1); }, 60_000);
  try { await run(); } catch (error) { console.log(`${name}: ${error.stack}`); process.exit(1); }
  clearTimeout(timer);
  console.log(`${name}: good`);
};
const motion = ['council.Proposed', 'council.Passed', 'council.Executed', 'system.ExtrinsicSuccess'];

await flow('constants', () => assert.equal(api.consts.system.ss58Prefix.toNumber(), 42));
await flow('plain value', async () => assert.equal((await api.query.system.chainParameters()).blockIntervalMin.toNumber(), 200));
await flow('map', async () => assert.ok((await api.query.system.account(me.address)).subject.isSome));
await flow('default', async () => assert.equal((await api.query.system.account(nobody)).nonce.toNumber(), 0));
await flow('iteration', async () => assert.equal((await api.query.system.account.entries()).length, 1));
await flow('pages', async () => assert.equal((await api.query.system.account.entriesPaged({ args: [], pageSize: 1 })).length, 1));
await flow('runtime function', async () => assert.equal((await api.call.accountNonceApi.accountNonce(me.address)).toNumber(), 0));
await flow('default mortality and nonce', async () => assert.deepEqual(names(await send(api.tx.system.noop())), ['system.ExtrinsicSuccess']));
await flow('immortal', () => send(api.tx.system.noop(), { era: 0 }));
await flow('nonce asked of the node', () => send(api.tx.system.noop(), { nonce: -1 }));
await flow('motion', async () => {
  const parameters = await api.query.system.chainParameters();
  assert.deepEqual(names(await send(api.tx.council.propose({ ParametersSet: { parameters } }, []))), motion);
});
await flow('payload that is hashed', async () => {
  const members = [me, ...Array.from({ length: 11 }, (_, i) => key(i + 1))].map(({ address }) => address);
  assert.deepEqual(names(await send(api.tx.council.propose({ CouncilSet: { members, threshold: 1 } }, []))), motion);
});
await flow('refusal by a pallet', async () => {
  const { dispatchError } = await send(api.tx.council.propose({ CouncilSet: { members: [], threshold: 1 } }, []));
  const { section, name } = api.registry.findMetaError(dispatchError.asModule);
  assert.equal(`${section}.${name}`, 'council.BadAct');
});
await flow('unregistered signer', () => refused(api.tx.system.noop(), key(0x77), {}, 'not registered'));
await flow('sr25519 signer', () => refused(api.tx.system.noop(), new Keyring({ type: 'sr25519' }).addFromUri('//Alice'), {}, 'Ed25519'));
await flow('stale nonce', () => refused(api.tx.system.noop(), me, { nonce: 0, era: 0 }, 'already used'));
await flow('cost', async () => assert.equal((await api.tx.system.noop().paymentInfo(me)).partialFee.toNumber(), 0));
await flow('block', async () => {
  const hash = await api.rpc.chain.getFinalizedHead();
  const { block, justifications } = await api.rpc.chain.getBlock(hash);
  assert.equal(block.header.hash.toHex(), hash.toHex());
  assert.ok(justifications.isSome);
  assert.equal((await api.derive.chain.getBlock(hash)).extrinsics.length, block.extrinsics.length);
});
await flow('old state', async () => {
  const at = await api.at(api.genesisHash);
  assert.equal((await at.query.system.account(me.address)).nonce.toNumber(), 0);
  assert.equal((await at.query.system.events()).length, 0);
});
await flow('storage subscription', () => new Promise((resolve) => {
  let first;
  api.query.system.account(me.address, ({ nonce }) => {
    if (first === undefined) { first = nonce.toNumber(); send(api.tx.system.noop()); }
    else if (nonce.toNumber() === first + 1) resolve();
  });
}));
await flow('finalised heads without a gap', () => new Promise((resolve, reject) => {
  let last; let seen = 0;
  api.rpc.chain.subscribeFinalizedHeads((head) => {
    if (last && head.parentHash.toHex() !== last.hash.toHex()) reject(new Error(`${last.number}, then ${head.number}`));
    last = head; seen += 1;
    if (seen === 10) resolve(); else send(api.tx.system.noop()).catch(() => {});
  });
}));
await flow('other heads', () => Promise.all(['subscribeNewHeads', 'subscribeAllHeads'].map((name) => new Promise((resolve) => { api.rpc.chain[name](resolve); }))));
console.log('every flow is good');
process.exit(0);
