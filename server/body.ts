import { refuse } from './problems.ts'

/** Reads a JSON body of at most `bytesMax` bytes, as sent and inflated; stops reading where it passes that. */
export async function readJson(request: Request, bytesMax: number): Promise<unknown> {
  const contentType = request.headers.get('content-type') ?? ''
  if (!/^application\/json\s*(;|$)/i.test(contentType))
    return refuse(415, 'content-type', 'The body must be application/json')
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return tooLarge(bytesMax)
  const text = decode(await readBytes(bodyOf(request), bytesMax))
  try {
    return JSON.parse(text)
  } catch {
    return refuse(400, 'json', 'The body is not JSON')
  }
}

const tooLarge = (bytesMax: number): never =>
  refuse(413, 'too-large', 'The request is too large', { detail: `At most ${bytesMax} bytes, also when inflated.` })

function bodyOf(request: Request): ReadableStream<Uint8Array> | null {
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity' || encoding === '') return request.body
  if (encoding !== 'gzip')
    return refuse(415, 'content-encoding', 'The body may be encoded as gzip only', {
      headers: { 'accept-encoding': 'gzip' },
    })
  return request.body?.pipeThrough(new DecompressionStream('gzip')) ?? null
}

async function readBytes(body: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read().catch(() => refuse(400, 'body', 'The body was cut off or is not gzip'))
    if (done) return joined(chunks, bytes)
    bytes += value.byteLength
    if (bytes > bytesMax) {
      // Not awaited: a sender that goes on sending must not hold the answer up.
      reader.cancel().catch(() => {})
      return tooLarge(bytesMax)
    }
    chunks.push(value)
  }
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes)
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.byteLength
  }
  return all
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuse(400, 'json', 'The body is not UTF-8')
  }
}
