import { isIP } from 'node:net'

/**
 * The client's address as limits count it: as the socket says, or as the outermost of so many trusted proxies has written
 * into `X-Forwarded-For`. Each proxy appends who called it, so what is left of that entry was written by the client itself.
 */
export function addressOf(socketAddress: string, forwardedFor: string | null, proxies: number): string {
  const written = proxies === 0 ? undefined : forwardedFor?.split(',').at(-proxies)?.trim()
  return toNetwork(written !== undefined && isIP(written) > 0 ? written : socketAddress)
}

/** One customer has 2^64 addresses of version 6: they count as one. */
function toNetwork(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (isIP(address) !== 6) return address
  const [left = '', right] = address.replace(/%.*$/, '').split('::')
  const groups = left === '' ? [] : left.split(':')
  const behind = right === undefined || right === '' ? [] : right.split(':')
  const zeros = right === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length)
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...behind]
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
