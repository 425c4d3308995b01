export type Bytes = Uint8Array<ArrayBuffer>

/** Packs a text; its checksum goes with it. */
export async function gzip(text: string): Promise<Bytes> {
  const packed = new Response(through(new CompressionStream('gzip'), new TextEncoder().encode(text)))
  return new Uint8Array(await packed.arrayBuffer())
}

/** Rejects when the bytes are not what {@link gzip} gave. */
export async function gunzip(bytes: Bytes): Promise<string> {
  const reader = through(new DecompressionStream('gzip'), bytes).getReader()
  const decoder = new TextDecoder()
  let text = ''
  // A fifth faster than a `Response`.
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    text += decoder.decode(value, { stream: true })
  }
}

function through({ readable, writable }: CompressionStream | DecompressionStream, bytes: Bytes): ReadableStream<Bytes> {
  const writer = writable.getWriter()
  // What is wrong with the bytes is heard by whoever reads.
  writer.write(bytes).catch(() => {})
  writer.close().catch(() => {})
  return readable
}
