const encoder = new TextEncoder()
let buffer = new Uint8Array(0)

/** Whether a text has at most so many UTF-8 bytes; counted only when the cheap bounds do not decide. */
export function fitsBytes(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return true
  if (text.length > bytesMax) return false
  // Writing into one buffer again and again is several times faster than making a new one.
  if (buffer.length !== bytesMax) buffer = new Uint8Array(bytesMax)
  return encoder.encodeInto(text, buffer).read === text.length
}
