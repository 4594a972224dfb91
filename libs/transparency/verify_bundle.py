#!/usr/bin/env python3
"""Checks an audit bundle offline: python3 verify_bundle.py BUNDLE [PUBLIC_KEY]

It is independent of the ledger: another language, and only the standard library. It implements Ed25519 (RFC 8032), the
Merkle tree (RFC 6962), signed notes (C2SP), and the arithmetic of the invoice. PUBLIC_KEY is the key that you received from
another source. Without it, only the consistency of the bundle is checked. Exits 0 if everything matches, otherwise 1 with the
reason.
"""
import base64, hashlib, json, sys
from decimal import Decimal

P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def need(fits, what):
    if not fits:
        sys.exit(f'DOES NOT FIT: {what}')


def x_of(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - square) % P == 0, 'a point is not on the curve')
    return P - x if x & 1 != sign else x


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    e, f = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    g, h = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def point_of(data):
    y = int.from_bytes(data, 'little')
    x = x_of(y & (1 << 255) - 1, y >> 255)
    return x, y & (1 << 255) - 1, 1, x * (y & (1 << 255) - 1) % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (x_of(BASE_Y, 0), BASE_Y, 1, x_of(BASE_Y, 0) * BASE_Y % P)


def ed25519_fits(public, message, signature):
    if len(signature) != 64 or int.from_bytes(signature[32:], 'little') >= Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), 'little') % Q
    x1, y1, z1, _ = times(int.from_bytes(signature[32:], 'little'), BASE)
    x2, y2, z2, _ = add(point_of(signature[:32]), times(challenge, point_of(public)))
    return (x1 * z2 - x2 * z1) % P == 0 and (y1 * z2 - y2 * z1) % P == 0


def open_note(note, key):
    """Size and root of a checkpoint that this key signed."""
    name, key_id, typed = key.split('+', 2)
    typed = base64.b64decode(typed)
    need(hashlib.sha256(name.encode() + b'\n' + typed).hexdigest()[:8] == key_id, 'the public key has another id')
    text, signatures = note.rsplit('\n\n', 1)
    for line in signatures.splitlines():
        _, signer, blob = line.split(' ')
        blob = base64.b64decode(blob)
        if signer == name and blob[:4].hex() == key_id:
            need(ed25519_fits(typed[1:], (text + '\n').encode(), blob[4:]), f'a checkpoint was changed after {name} signed it')
            origin, size, root = text.split('\n')[:3]
            need(origin == name, f'a checkpoint is of {origin}, not of {name}')
            return int(size), base64.b64decode(root)
    need(False, f'a checkpoint is not signed by {name}')


def node(left, right):
    return hashlib.sha256(b'\x01' + left + right).digest()


def leaf(event):
    fields = [str(event[name]).encode() for name in ('position', 'stream', 'revision', 'id', 'type', 'data', 'metadata', 'recordedAt')]
    return hashlib.sha256(b'\x00\x08' + b''.join(len(field).to_bytes(4, 'big') + field for field in fields)).digest()


def included_root(hash_, index, size, proof):
    """RFC 6962, 2.1.1: the root of `size` leaves with this leaf at `index`, if the proof is valid."""
    if size == 1:
        return hash_ if not proof else None
    k = 1 << (size - 1).bit_length() - 1
    if not proof:
        return None
    inner = included_root(hash_, *((index, k) if index < k else (index - k, size - k)), proof[:-1])
    return inner and (node(inner, proof[-1]) if index < k else node(proof[-1], inner))


def grown_roots(old, m, n, proof, known=True):
    """RFC 6962, 2.1.2: the roots of m and of n leaves, if the proof shows that m grew to n."""
    if m == n:
        return (old, old) if known and not proof else (proof[0], proof[0]) if len(proof) == 1 and not known else (None, None)
    if not proof:
        return None, None
    k = 1 << (n - 1).bit_length() - 1
    if m <= k:
        before, after = grown_roots(old, m, k, proof[:-1], known)
        return before, after and node(after, proof[-1])
    before, after = grown_roots(old, m - k, n - k, proof[:-1], False)
    return before and node(proof[-1], before), after and node(proof[-1], after)


def decoded(proof):
    return [base64.b64decode(hash_) for hash_ in proof]


def check_invoice(bundle, events):
    """Checks that the frozen rows are those of the issued invoice, and add up to its totals."""
    issued = [e for e in events if e['type'] == 'InvoiceIssued' and e['data']['invoiceId'] == bundle['invoice']['invoiceId']]
    need(len(issued) == 1, 'the invoice is not issued exactly once')
    said = issued[0]['data']
    chunks = [e['data'] for e in events if e['type'] == 'InvoiceRowsFrozen' and e['data']['attempt'] == said['attempt']]
    rows = [row for chunk in sorted(chunks, key=lambda c: c['n']) for row in chunk['rows']]
    need(len(chunks) == said['chunks'], 'rows of the invoice are missing')
    canonical = json.dumps(rows, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
    need(hashlib.sha256(canonical.encode()).hexdigest() == said['rowsHash'], 'the rows are not those that were issued')
    net, tax = (sum((Decimal(row[name]) for row in rows), Decimal(0)) for name in ('net', 'tax'))
    need((net, tax, net + tax) == tuple(Decimal(said[name]) for name in ('subtotal', 'tax', 'total')), 'the rows do not add up to the total')
    tree = bundle['invoice']['tree']
    need((tree and (tree['size'], tree['root'])) == (said.get('tree') and (said['tree']['size'], said['tree']['root'])), 'the invoice names another root')
    return said, len(rows)


def main(path, key=None):
    with open(path, encoding='utf-8') as file:
        bundle = json.load(file)
    need(bundle['format'] == 'ledgerline-audit-bundle/1', 'this is not an audit bundle')
    need(key in (None, bundle['publicKey']), 'the bundle is signed with another key than yours')
    size, root = open_note(bundle['checkpoint'], bundle['publicKey'])
    for event in bundle['events']:
        found = included_root(leaf(event), event['position'] - 1, size, decoded(event['inclusion']))
        need(found == root, f"the event at position {event['position']} is not in the log that was signed")
    grown = [(*open_note(each['checkpoint'], bundle['publicKey']), each['consistency']) for each in bundle['earlier']]
    tree = bundle['invoice']['tree']
    if tree:
        grown.append((tree['size'], base64.b64decode(tree['root']), tree['consistency']))
    for earlier_size, earlier_root, proof in grown:
        roots = grown_roots(earlier_root, earlier_size, size, decoded(proof)) if earlier_size else (earlier_root, root)
        need(roots == (earlier_root, root), f'the log of {size} events does not continue the one of {earlier_size}')
    events = [{**event, 'data': json.loads(event['data'])} for event in bundle['events']]
    said, rows = check_invoice(bundle, events)
    print(f"{bundle['invoice']['number']}: {rows} rows, total {said['total']} {said['currency']}; {len(events)} events and {len(grown)} earlier roots are in the log of {size} events that {bundle['publicKey'].split('+')[0]} signed")
    if key is None:
        print('compare the public key with one that you were given elsewhere:', bundle['publicKey'])


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        sys.exit(f'DOES NOT FIT: {sys.argv[1]} is not an audit bundle, or was cut off or changed ({type(error).__name__}: {error})')
