/**
 * Whether an IP address, as text, is one of the open internet: not of this machine, a private network, a group of
 * receivers, documentation, or a way around these. After the special-purpose registries of IANA (RFC 6890).
 */
export function isPublicAddress(address: string): boolean {
  return address.includes(':') ? isPublicV6(address) : isPublicV4(address)
}

/** Whether the host of a URL is an address and no name. The URL parser has brought odd spellings to these two. */
export function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host)
}

/** The host of a URL without the brackets around an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

function isPublicV4(address: string): boolean {
  const number = numberOf(address.split('.').map(Number), 256)
  return !SPECIAL_V4.some(({ start, size }) => number >= start && number < start + size)
}

// Of IPv6 only 2000::/3 is given out. What is excepted of it is decided by the first 32 bits.
function isPublicV6(address: string): boolean {
  const [first = 0, second = 0] = address.split(':').map((group) => Number.parseInt(group || '0', 16))
  if (first < 0x2000 || first > 0x3fff) return false
  const isTransition = first === 0x2002 || (first === 0x2001 && (second < 0x200 || second === 0xdb8))
  return !isTransition && !(first === 0x3fff && second < 0x1000)
}

const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
].map((range) => {
  const [start = '', bits = ''] = range.split('/')
  return { start: numberOf(start.split('.').map(Number), 256), size: 2 ** (32 - Number(bits)) }
})

function numberOf(digits: readonly number[], base: number): number {
  return digits.reduce((number, digit) => number * base + digit, 0)
}
