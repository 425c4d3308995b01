/** Bits of the filter; for 300,000 ids about one in a hundred looks seen that is not. */
const size = 2 ** 22
const probes = 4

/** Which ids were surely never seen, in half a megabyte for any number of them. */
export class SeenIds {
  readonly #bits = new Uint32Array(size / 32)

  add(id: string): void {
    for (const bit of bitsOf(id)) this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] ?? 0) | (1 << (bit & 31))
  }

  /** False is sure, true is not. */
  mayHave(id: string): boolean {
    return bitsOf(id).every((bit) => ((this.#bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0)
  }
}

/** FNV-1a, and from its halves as many places as are wanted. */
function bitsOf(id: string): readonly number[] {
  let hash = 0x811c9dc5
  let other = 0x9e3779b9
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at)
    hash = Math.imul(hash ^ code, 0x01000193)
    other = Math.imul(other + code, 0x85ebca6b) ^ (other >>> 13)
  }
  return Array.from({ length: probes }, (_, nth) => (hash + nth * (other | 1)) & (size - 1))
}
