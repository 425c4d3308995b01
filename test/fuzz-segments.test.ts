// Segment files and their parts come from a server, or from a file that somebody picks: nothing of them is taken on trust.
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeText } from '../src/core/decode.ts'
import { digestOfNothing, nextDigest } from '../src/core/digest.ts'
import { takeSegment } from '../src/log/download.ts'
import { callOf, commitOf, createBrowser, openTab, readWhole, type Tab } from '../src/log/log.fixture.ts'
import { importSegment } from '../src/log/transfer.ts'
import type { ReadRequest } from '../src/protocol/worker.ts'
import { FileSplitter, packFile, readFile, type SegmentFile } from '../src/segments/file.ts'
import { place, zipAtOnce } from '../src/segments/segments.fixture.ts'
import { mutated, mutatedBytes, mutatedJson, mutatedText } from './fuzz/mutate.ts'
import { fuzz, fuzzTimeoutMs, mustBeTyped, typed } from './fuzz/run.ts'

const commits = ['a', 'b', 'c', 'd'].map((id, at) => ({
  ...commitOf(id, [`s${at}`, 't1', `u${at % 2}`].slice(at % 2)),
  metadata: { actor: 'ann' },
}))
const digest = commits.reduce((before, { id, contentId }) => nextDigest(before, id, contentId), digestOfNothing)
const { first, last, parts, directory } = zipAtOnce(place(1, commits), () => 0)
const sound: SegmentFile = { first, last, digest, directory: directory.buckets(), parts }
const bytes = await packFile(sound)

/** A whole read, as the page makes it: page by page, and decoded. */
async function readOn({ reader }: Tab, options: ReadRequest['options']): Promise<number> {
  let events = 0
  for (let more: Pick<ReadRequest, 'cursor' | 'through'> = {}; ; ) {
    const answer = await reader.read({ options, ...more })
    events += decodeText({}, answer.events).length
    if (answer.cursor === undefined) return events
    more = { cursor: answer.cursor, through: answer.through }
  }
}

const gzipped = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(text))
const partTexts = parts.map((part) => gunzipSync(part).toString())
/** A part with something else in its lines; its checksum is right again. */
const anyPart = fc
  .constantFrom(...partTexts)
  .chain((text) => fc.oneof(mutatedText(text), linesChanged(text)))
  .map(gzipped)
/** The lines stay apart, as a part has them, and one of them says something else. */
function linesChanged(text: string): fc.Arbitrary<string> {
  const lines = text.slice(2, -2).split('\n')
  const isJson = (line: string): boolean => line.startsWith('[') && !line.startsWith('[\n')
  const places = lines.flatMap((line, at) => (isJson(withoutComma(line)) ? at : []))
  return fc.constantFrom(...places).chain((at) => {
    const line = lines[at] ?? ''
    const end = line.endsWith(',') ? ',' : ''
    const body = withoutComma(line)
    const tail = isWhole(body) ? '' : body.slice(-1)
    const json = tail === '' ? body : body.slice(0, -1)
    if (!isWhole(json)) return mutatedText(text)
    return mutatedJson(json).map((changed) => `[[${lines.with(at, changed + tail + end).join('\n')}]]`)
  })
}
const withoutComma = (line: string): string => line.replace(/,$/, '')
const isWhole = (json: string): boolean => {
  try {
    return Array.isArray(JSON.parse(json))
  } catch {
    return false
  }
}
/** A directory with a bucket that says something else. */
const anyBuckets = fc
  .constantFrom(...sound.directory.flatMap((text, at) => (text === '' ? [] : at)))
  .chain((at) =>
    fc
      .oneof(
        mutatedText(sound.directory[at] ?? ''),
        fc.constantFrom('\n', 'a', '\t', '\n\t\t\n', '\na\t\t0', 'a\t1\t0\n'),
      )
      .map((text) => sound.directory.with(at, text)),
  )
/** A file that was made so: lengths and checksums are right, and what it says is not. */
const forged: fc.Arbitrary<SegmentFile> = fc.oneof(
  anyPart.map((part) => ({ ...sound, parts: [part, ...sound.parts.slice(1)] })),
  anyBuckets.map((buckets) => ({ ...sound, directory: buckets })),
  mutated({ first, last, digest }).map((head) => ({ ...sound, ...(head as object) })),
)

describe('a segment file of any content', { timeout: fuzzTimeoutMs }, () => {
  test('is read, or is none', async () => {
    const line = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(10)))
    const anyFile: fc.Arbitrary<Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>> = fc.oneof(
      mutatedBytes(bytes),
      mutatedJson(line).map((header) => {
        const rest = bytes.subarray(line.length)
        return new Uint8Array([...new TextEncoder().encode(header), ...rest])
      }),
      anyBuckets.map((buckets) => packFile({ ...sound, directory: buckets })),
      fc
        .constantFrom(...parts)
        .chain(mutatedBytes)
        .map((part) => packFile({ ...sound, parts: [part] })),
    )
    await fuzz('segment-file', anyFile, async (file) => {
      const read = await readFile(await file)
      if (read !== undefined) expect(read.parts.length).toBeGreaterThan(0)
      return read !== undefined
    })
  })

  test('comes out of a stream in whole files, or is refused', async () => {
    const cuts = fc.array(fc.nat(2 * bytes.length), { maxLength: 4 })
    const twice = new Uint8Array([...bytes, ...bytes])
    const input = fc.tuple(fc.oneof(mutatedBytes(twice), fc.constant(twice)), cuts)
    await fuzz('segment-stream', input, (([all, places]) => {
      const splitter = new FileSplitter()
      let files = 0
      const ends = [...places.filter((at) => at < all.length).sort((a, b) => a - b), all.length]
      try {
        ends.forEach((end, at) => {
          files += [...splitter.take(all.subarray(ends[at - 1] ?? 0, end))].length
        })
      } catch (error) {
        mustBeTyped(error)
      }
      return files > 0
    }) satisfies (input: readonly [Uint8Array, readonly number[]]) => boolean)
  })

  test('of a server is taken or left, and the log answers or says what is wrong', async () => {
    await fuzz('segment-of-server', forged, async (made) => {
      const file = await readFile(await packFile(made))
      if (file === undefined) return false
      const tab = await openTab(createBrowser())
      const isTaken = (await typed(takeSegment(tab.engine, { file, digestBefore: digestOfNothing }))) === true
      await typed(readOn(tab, {}))
      await typed(readOn(tab, { stream: 's' }))
      await typed(readOn(tab, { query: { types: ['T1'], tags: { on: 't' } }, direction: 'backwards' }))
      await typed(tab.reader.heads(['s', 't']))
      await typed(tab.engine.steadily(() => tab.engine.view.positionOf('b')))
      await typed(tab.append(callOf('own', ['s9'], { expectedVersion: 0 }), callOf('free', ['z1'])))
      return isTaken
    })
  })

  test('is imported whole, or refused, and what was here stays', async () => {
    const anyImport = fc.oneof(
      { weight: 1, arbitrary: mutatedBytes(bytes) },
      { weight: 4, arbitrary: forged.map((file) => packFile(file)) },
    )
    await fuzz('import', anyImport, async (file) => {
      const tab = await openTab(createBrowser(), { synced: false })
      await tab.append(callOf('mine', ['s1']))
      const given = await file
      const isFile = (await readFile(given)) !== undefined
      await typed(importSegment(tab.appender, given))
      const events = await readWhole(tab.reader, {})
      expect(events[0]).toMatchObject({ commitId: 'mine', position: 1, version: 1 })
      expect(events.map(({ position }) => position)).toEqual(events.map((_, at) => at + 1))
      return isFile
    })
  })
})
