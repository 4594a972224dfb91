import { BlockList, isIP } from 'node:net';

/** `text`: addresses and networks, separated by commas. */
export function networksIn(text: string): BlockList {
  const list = new BlockList();
  for (const each of text.split(',').map((one) => one.trim())) {
    const [address = '', bits] = each.split('/');
    const version = isIP(address);
    if (version !== 0)
      list.addSubnet(
        address,
        bits === undefined ? (version === 4 ? 32 : 128) : Number(bits),
        version === 4 ? 'ipv4' : 'ipv6',
      );
  }
  return list;
}

/** A customer has at least 64 bits of addresses in version 6: its network counts as one. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.includes('.')) return address;
  const groupsOf = (part = ''): string[] => part.split(':').filter((group) => group !== '');
  const [left, right] = address.split('::');
  const [first, last] = [groupsOf(left), groupsOf(right)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`;
}
