// Stands for `gzip.ts` where everything has to come at the same time in every run: a runtime gzips on threads of its own.
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Bytes } from './gzip.ts'

export const zip = (text: string): Bytes => new Uint8Array(gzipSync(text))
export const gzip = async (text: string): Promise<Bytes> => zip(text)
export const gunzip = async (bytes: Bytes): Promise<string> => gunzipSync(bytes).toString()
