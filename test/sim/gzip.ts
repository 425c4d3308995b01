// Stands for `server/gzip.ts`: what the runtime does on threads of its own would come at another time in every run.
import { gunzipSync, gzipSync } from 'node:zlib'

export const gzip = async (bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(gzipSync(bytes))

export const inflate = (gzipped: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      controller.enqueue(new Uint8Array(gunzipSync(gzipped)))
      controller.close()
    },
  })
