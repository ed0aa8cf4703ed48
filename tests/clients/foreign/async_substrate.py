"""Every flow of async-substrate-interface 2.2.1 against the node whose address is the first argument."""
import hashlib
import sys

import base58
from async_substrate_interface import SubstrateInterface
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

chain = SubstrateInterface(sys.argv[1], ss58_format=42)
nobody = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'


class Key:
    """An Ed25519 key as the library asks for one."""

    crypto_type = 0
    ss58_format = 42

    def __init__(self, seed):
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        body = b'\x2a' + self.public_key
        self.ss58_address = base58.b58encode(body + hashlib.blake2b(b'SS58PRE' + body).digest()[:2]).decode()

    def sign(self, data):
        if isinstance(data, str):
            data = bytes.fromhex(data.removeprefix('0x'))
        return self.key.sign(bytes(getattr(data, 'data', data)))


me = Key(hashlib.sha256(b'salus development key: council').digest())


def value(answer):
    return getattr(answer, 'value', answer)


def noop():
    return chain.compose_call('System', 'noop', {})


def propose(act):
    return chain.compose_call('Council', 'propose', {'act': act, 'cosign': []})


def send(call, **options):
    signed = chain.create_signed_extrinsic(call=call, keypair=me, **options)
    return chain.submit_extrinsic(signed, wait_for_finalization=True)


def names(receipt):
    return [event['event_id'] for event in receipt.triggered_events]


def refused(signer, **options):
    signed = chain.create_signed_extrinsic(call=noop(), keypair=signer, **options)
    try:
        chain.submit_extrinsic(signed)
    except Exception as error:
        assert 'Invalid Transaction' in str(error), error
    else:
        raise AssertionError('it was taken')


MOTION = ['Proposed', 'Passed', 'Executed', 'ExtrinsicSuccess']
assert chain.chain == 'Salus Development'
parameters = value(chain.query('System', 'ChainParameters'))
assert parameters['block_interval_min'] == 200
assert value(chain.query('System', 'Account', [me.ss58_address]))['subject'] == 'Council'
assert value(chain.query('System', 'Account', [nobody]))['nonce'] == 0
assert value(chain.query('Council', 'Motions', [31])) is None
assert len(list(chain.query_map('System', 'Account'))) == 1
assert value(chain.get_constant('System', 'SS58Prefix')) == 42
assert chain.get_account_nonce(me.ss58_address) == 0
assert chain.get_account_next_index(me.ss58_address) == 0
calls = chain.runtime_calls([('Core', 'version', []), ('AccountNonceApi', 'account_nonce', [me.ss58_address])])
assert value(calls[0])['spec_name'] == 'salus' and value(calls[1]) == 0, calls
print('reading: good')

assert send(noop()).is_success
assert send(noop(), era={'period': 64}).is_success
assert names(send(propose({'ParametersSet': {'parameters': parameters}}))) == MOTION
members = [me.ss58_address] + [Key(bytes([i]) * 32).ss58_address for i in range(1, 12)]
assert names(send(propose({'CouncilSet': {'members': members, 'threshold': 1}}))) == MOTION
failed = send(propose({'CouncilSet': {'members': [], 'threshold': 1}}))
assert not failed.is_success and failed.error_message['name'] == 'BadAct', failed.error_message
print('calls: good')

refused(me, nonce=0, era={'period': 64})
refused(Key(b'w' * 32))
assert chain.get_payment_info(noop(), me)['partial_fee'] == 0
print('refusals: good')

assert chain.get_block(block_number=0)['header']['number'] == 0
assert len(chain.get_events(chain.get_block_hash(0))) == 0
assert chain.get_chain_head() is not None and chain.get_block_number() > 4


def heads(head, _count=None, _subscription=None, seen=[]):
    seen.append(head['header']['number'])
    return seen if len(seen) == 4 else None


seen = chain.subscribe_block_headers(heads, finalized_only=True)
assert seen == list(range(seen[0], seen[0] + 4)), seen
chain.close()
print('every flow is good')
