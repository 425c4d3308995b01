import type { Clock } from '../src/core/ports.ts'
import { RequestProblem, refuse } from './problems.ts'

/** How large a body may be, as sent and inflated, and how long it may take. */
export interface BodyBounds {
  readonly bytesMax: number
  readonly msMax: number
  /** Values in its JSON. */
  readonly valuesMax: number
  readonly clock: Clock
}

/** The value of a JSON body and its length when inflated. */
export interface JsonBody {
  readonly value: unknown
  readonly bytes: number
}

/** Reads a JSON body; stops reading where it passes its bounds. */
export async function readJson(request: Request, bounds: BodyBounds): Promise<JsonBody> {
  const { bytesMax, valuesMax } = bounds
  const contentType = request.headers.get('content-type') ?? ''
  if (!/^application\/json\s*(;|$)/i.test(contentType))
    return refuse(415, 'content-type', 'The body must be application/json')
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return tooLarge(bytesMax)
  const bytes = await readBytes(bodyOf(request), bounds)
  if (hasMoreValues(bytes, valuesMax)) return tooMany(valuesMax)
  const text = decode(bytes)
  try {
    return { value: JSON.parse(text), bytes: bytes.byteLength }
  } catch {
    return refuse(400, 'json', 'The body is not JSON')
  }
}

const tooLarge = (bytesMax: number): never =>
  refuse(413, 'too-large', 'The request is too large', { detail: `At most ${bytesMax} bytes, also when inflated.` })

const tooMany = (valuesMax: number): never =>
  refuse(413, 'too-large', 'The request is too large', { detail: `At most ${valuesMax} values.` })

const tooSlow = (msMax: number): never =>
  refuse(408, 'too-slow', 'The request took too long to arrive', { detail: `At most ${msMax} ms.` })

function bodyOf(request: Request): ReadableStream<Uint8Array> | null {
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity' || encoding === '') return streamOf(request)
  if (encoding !== 'gzip')
    return refuse(415, 'content-encoding', 'The body may be encoded as gzip only', {
      headers: { 'accept-encoding': 'gzip' },
    })
  return streamOf(request)?.pipeThrough(new DecompressionStream('gzip')) ?? null
}

/** Firefox, where a simulation may run, has requests without `body`: they are read as a whole. */
function streamOf(request: Request): ReadableStream<Uint8Array<ArrayBuffer>> | null {
  const { body }: { readonly body?: Request['body'] } = request
  if (body !== undefined) return body
  return new ReadableStream({
    start: async (controller) => {
      controller.enqueue(new Uint8Array(await request.arrayBuffer()))
      controller.close()
    },
  })
}

async function readBytes(body: ReadableStream<Uint8Array> | null, bounds: BodyBounds): Promise<Uint8Array> {
  if (body === null) return new Uint8Array()
  const { bytesMax, msMax, clock } = bounds
  const reader = body.getReader()
  // Not awaited: a sender that goes on sending must not hold the answer up.
  const stop = (): unknown => reader.cancel().catch(() => {})
  let late = false
  const callOff = clock.after(msMax, () => {
    late = true
    stop()
  })
  let all = new Uint8Array()
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late) return tooSlow(msMax)
      if (done) return all.subarray(0, bytes)
      if (bytes + value.byteLength > bytesMax) {
        stop()
        return tooLarge(bytesMax)
      }
      all = withRoom(all, bytes + value.byteLength)
      all.set(value, bytes)
      bytes += value.byteLength
    }
  } catch (error) {
    if (error instanceof RequestProblem) throw error
    return late ? tooSlow(msMax) : refuse(400, 'body', 'The body was cut off or is not gzip')
  } finally {
    callOff()
  }
}

/** Copied together at once: a list of chunks of one byte each would hold a hundred times what was sent. */
function withRoom(all: Uint8Array<ArrayBuffer>, bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes <= all.byteLength) return all
  const larger = new Uint8Array(Math.max(bytes, 2 * all.byteLength))
  larger.set(all)
  return larger
}

const quote = 0x22
const backslash = 0x5c
/** `,` `:` `[` `{`: what stands before each value and each key but the outermost. */
const parting: ReadonlySet<number> = new Set([0x2c, 0x3a, 0x5b, 0x7b])

/**
 * Whether JSON text has more values and keys than `max`, told in a fraction of the time that it would take to parse it:
 * parsing can't be interrupted.
 */
function hasMoreValues(bytes: Uint8Array, max: number): boolean {
  if (bytes.length <= max) return false
  let count = 0
  for (let at = 0; at < bytes.length && count <= max; at++) {
    const byte = bytes[at] as number
    if (byte === quote) at = endOfText(bytes, at)
    else if (parting.has(byte)) count++
  }
  return count > max
}

/** Where the text ends whose opening quote is at `from`. */
function endOfText(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(quote, from + 1); at >= 0; at = bytes.indexOf(quote, at + 1)) {
    let before = at - 1
    while (bytes[before] === backslash) before--
    // An odd number of backslashes makes it part of the text.
    if ((at - before) % 2 === 1) return at
  }
  return bytes.length
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuse(400, 'json', 'The body is not UTF-8')
  }
}
