export type Bytes = Uint8Array<ArrayBuffer>

/** Packs a text; its checksum goes with it. */
export async function gzip(text: string): Promise<Bytes> {
  const packed = through(new CompressionStream('gzip'), new TextEncoder().encode(text))
  return new Uint8Array(await packed.arrayBuffer())
}

/** Rejects when the bytes are not what {@link gzip} gave. */
export const gunzip = (bytes: Bytes): Promise<string> => through(new DecompressionStream('gzip'), bytes).text()

function through({ readable, writable }: CompressionStream | DecompressionStream, bytes: Bytes): Response {
  const writer = writable.getWriter()
  // What is wrong with the bytes is heard by whoever reads.
  writer.write(bytes).catch(() => {})
  writer.close().catch(() => {})
  return new Response(readable)
}
