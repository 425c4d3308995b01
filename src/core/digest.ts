/** The digest of an empty log. */
export const digestOfNothing = '0000000000000000'

/**
 * A running hash over the log: two devices with the same digest at a position hold the same commits in the same order.
 * It has to notice a restored or swapped server, not an attacker, so 64 mixed bits do; it is synchronous, which
 * `crypto.subtle` is not.
 */
export function nextDigest(previous: string, commitId: string, contentId: string): string {
  return hashText(`${previous}\n${commitId}\n${contentId}`)
}

/** 16 hexadecimal digits for a text, from two 32-bit lanes that mix each other at the end. */
export function hashText(text: string): string {
  let high = 0x9e3779b9
  let low = 0x85ebca6b
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    high = Math.imul(high ^ unit, 0x2c1b3c6d)
    high = (high << 13) | (high >>> 19)
    low = Math.imul(low ^ unit, 0x297a2d39)
    low = (low << 17) | (low >>> 15)
  }
  high = finish(high ^ text.length ^ (low >>> 3))
  low = finish(low ^ Math.imul(high, 0x1b873593))
  return hex(high) + hex(low)
}

const finish = (lane: number): number => {
  let mixed = lane
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return mixed ^ (mixed >>> 16)
}
const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0')

/** Guards a digest that comes from outside. */
export const isDigest = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value)
