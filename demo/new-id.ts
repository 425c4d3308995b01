/** Short enough to read out, long enough not to meet another one. Also where the page is not a secure context. */
export const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => byte.toString(16).padStart(2, '0')).join('')
