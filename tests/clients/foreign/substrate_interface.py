"""Every flow of substrate-interface 1.8.1 against the node whose address is the first argument."""
import hashlib
import sys

from substrateinterface import Keypair, KeypairType, SubstrateInterface

chain = SubstrateInterface(url=sys.argv[1])
nobody = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'


def key(seed):
    return Keypair.create_from_seed(seed, crypto_type=KeypairType.ED25519)


me = key(hashlib.sha256(b'salus development key: council').digest())


def noop():
    return chain.compose_call('System', 'noop', {})


def propose(act):
    return chain.compose_call('Council', 'propose', {'act': act, 'cosign': []})


def send(call, **options):
    signed = chain.create_signed_extrinsic(call=call, keypair=me, **options)
    return chain.submit_extrinsic(signed, wait_for_finalization=True)


def names(receipt):
    return [event.value['event_id'] for event in receipt.triggered_events]


def refused(signer, words, **options):
    signed = chain.create_signed_extrinsic(call=noop(), keypair=signer, **options)
    try:
        chain.submit_extrinsic(signed)
    except Exception as error:
        assert words in str(error), error
    else:
        raise AssertionError('it was taken')


MOTION = ['Proposed', 'Passed', 'Executed', 'ExtrinsicSuccess']
assert chain.chain == 'Salus Development'
parameters = chain.query('System', 'ChainParameters').value
assert parameters['block_interval_min'] == 200
assert chain.query('System', 'Account', [me.ss58_address]).value['subject'] == 'Council'
assert chain.query('System', 'Account', [nobody]).value['nonce'] == 0
assert chain.query('Council', 'Motions', [31]).value is None
assert len(list(chain.query_map('System', 'Account'))) == 1
assert chain.get_constant('System', 'SS58Prefix').value == 42
assert chain.get_account_nonce(me.ss58_address) == 0
assert chain.runtime_call('Core', 'version').value['spec_name'] == 'salus'
print('reading: good')

assert send(noop()).is_success
assert send(noop(), era={'period': 64}).is_success
assert names(send(propose({'ParametersSet': {'parameters': parameters}}))) == MOTION
members = [me.ss58_address] + [key(bytes([i]) * 32).ss58_address for i in range(1, 12)]
assert names(send(propose({'CouncilSet': {'members': members, 'threshold': 1}}))) == MOTION
failed = send(propose({'CouncilSet': {'members': [], 'threshold': 1}}))
assert not failed.is_success and failed.error_message['name'] == 'BadAct', failed.error_message
print('calls: good')

refused(me, 'already used', nonce=0, era={'period': 64})
refused(key(b'w' * 32), 'not registered')
refused(Keypair.create_from_uri('//Alice'), 'Ed25519')
assert chain.get_payment_info(noop(), me)['partialFee'] == 0
print('refusals: good')

block = chain.get_block(finalized_only=True)
assert block['header']['digest']['logs'][0].value['PreRuntime'][0] == '0x53414c53'
assert chain.get_block(block_number=0)['header']['number'] == 0
assert chain.get_events(chain.get_block_hash(0)) == []
assert len(list(chain.query_map('System', 'BlockHash', page_size=2))) > 4


def heads(head, count, _subscription, seen=[]):
    seen.append(head['header']['number'])
    return seen if len(seen) == 4 else None


seen = chain.subscribe_block_headers(heads, finalized_only=True)
assert seen == list(range(seen[0], seen[0] + 4)), seen
print('every flow is good')
