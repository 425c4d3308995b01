export { type AdoptOptions, type AttachRefused, adopt, attach } from './adopt.ts'
export { type Archive, dropArchive, listArchives } from './archives.ts'
export { type Brought, type ImportFrom, importFrom } from './import-from.ts'
export { type SignedOut, type SignOutOptions, signOut, type Unsent, unsentOf } from './sign-out.ts'
