import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FileSplitter, readFile, toFile } from './file.ts'
import { type Bytes, gunzip } from './gzip.ts'
import { anyCommits, packAtOnce, zipAtOnce } from './segments.fixture.ts'

const digest = '0123456789abcdef'
const anySegment = anyCommits.map((commits) => zipAtOnce(commits, () => 0))
const [sample] = fc.sample(anySegment, { numRuns: 1, seed: 1 })

/** The same bytes with another header line. */
function withHeader(file: Bytes, line: string): Bytes {
  const rest = file.subarray(file.indexOf(10))
  return new Uint8Array([...new TextEncoder().encode(line), ...rest])
}
const headerOf = (file: Bytes): string => new TextDecoder().decode(file.subarray(0, file.indexOf(10)))

describe('a segment file', () => {
  test('gives back what it was made of', async () => {
    await fc.assert(
      fc.asyncProperty(anyCommits, async (commits) => {
        const { first, last, parts, directory } = packAtOnce(commits, () => 0)
        const file = await readFile(
          await toFile(
            zipAtOnce(commits, () => 0),
            digest,
          ),
        )
        expect(file).toMatchObject({ first, last, digest, directory: directory.buckets() })
        expect(await Promise.all(file!.parts.map(gunzip))).toEqual(parts)
      }),
    )
  })

  test('that is cut short, or has anything behind its end, is not read', async () => {
    await fc.assert(
      fc.asyncProperty(anySegment, fc.nat(), async (segment, nat) => {
        const file = await toFile(segment, digest)
        expect(await readFile(file.slice(0, nat % file.length))).toBeUndefined()
        expect(await readFile(new Uint8Array([...file, 1]))).toBeUndefined()
      }),
    )
  })

  test('with a header of another format, or none, is not read', async () => {
    const file = await toFile(sample!, digest)
    const header = JSON.parse(headerOf(file))
    const read = (change: Readonly<Record<string, unknown>>) =>
      readFile(withHeader(file, JSON.stringify({ ...header, ...change })))
    expect(await read({})).toBeDefined()
    const wrong = [
      { format: 2 },
      { first: 0 },
      { last: 0 },
      { digest: 'x' },
      { directory: [1] },
      { directory: header.directory + 1 },
      { parts: [] },
      { parts: [-1] },
      { parts: undefined },
    ]
    for (const change of wrong) expect(await read(change), JSON.stringify(change)).toBeUndefined()
    for (const other of ['', '\n', 'null\n', '{}\n', 'no JSON\n'])
      expect(await readFile(new TextEncoder().encode(other))).toBeUndefined()
  })

  test('whose directory is damaged, or is none, is not read', async () => {
    const file = await toFile(sample!, digest)
    const damaged = file.slice()
    damaged[file.indexOf(10) + 20]! ^= 1
    expect(await readFile(damaged)).toBeUndefined()
    const of = (buckets: readonly string[]) =>
      toFile({ ...sample!, directory: { ...sample!.directory, buckets: () => buckets } as never }, digest)
    expect(await readFile(await of(sample!.directory.buckets()))).toBeDefined()
    expect(await readFile(await of([]))).toBeUndefined()
    expect(await readFile(await of(sample!.directory.buckets().map(() => 1 as never)))).toBeUndefined()
  })

  test('is taken out of bytes that were cut anywhere, each in a buffer of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anySegment, { maxLength: 3 }), fc.integer({ min: 1 }), async (segments, step) => {
        const files = await Promise.all(segments.map((segment) => toFile(segment, digest)))
        const bytes = new Uint8Array(files.flatMap((file) => [...file]))
        const splitter = new FileSplitter()
        const taken: Bytes[] = []
        const size = (step % (bytes.length + 1)) + 1
        for (let at = 0; at < bytes.length; at += size) taken.push(...splitter.take(bytes.subarray(at, at + size)))
        expect(taken).toEqual(files)
        expect(splitter.isAtEnd).toBe(true)
        for (const file of taken) expect(file.buffer.byteLength).toBe(file.length)
      }),
      { numRuns: 30 },
    )
  })
})

test('a gzipped text that was altered anywhere behind its header is not read', async () => {
  const [part] = sample!.parts
  for (let at = 10; at < part!.length; at += 7) {
    const damaged = part!.slice()
    damaged[at]! ^= 1
    await expect(gunzip(damaged), `byte ${at}`).rejects.toThrow()
  }
})
