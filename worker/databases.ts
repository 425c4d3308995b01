import { mustBe } from '../src/core/errors.ts'
import { getFrom, getPointer, type Pointer } from '../src/log/replica.ts'
import { type Store, StoreError } from '../src/store/store.ts'
import type { HostPorts } from './host-ports.ts'

/** A store by its name. */
export interface Database {
  readonly name: string
  readonly store: Store
}
/** A database that has ended, and how. */
export interface Ended extends Pointer {
  readonly name: string
}

/** Opens the database that a log rests in now: one that has ended says where it goes on. */
export async function openCurrent(ports: HostPorts, base: string): Promise<Database> {
  const before: string[] = []
  for (let name = base; ; ) {
    const store = await ports.openStore(name)
    const pointer = await getPointer(store)
    if (pointer === undefined) return { name, store }
    await store.close()
    before.push(name)
    if (pointer.to !== '') name = pointer.to
    // The user signed out, and the browser, or a tab, kept it from being deleted then.
    else if (await deleteAll(ports, before)) name = base
    else throw new StoreError('lost', 'the storage is being deleted')
  }
}

/** Opens an archive of a log. Throws `tidelog/argument` where there is no such. */
export async function openArchive(ports: HostPorts, base: string, archive: string): Promise<Database> {
  const names = await namesOf(ports, base)
  mustBe(names.slice(0, -1).includes(archive), 'an archive', archive)
  return { name: archive, store: await ports.openStore(archive) }
}

/** Names of all databases of a log, the present one last. */
export async function namesOf(ports: HostPorts, base: string): Promise<readonly string[]> {
  const names: string[] = []
  for (let name: string | undefined = base; name; ) {
    names.push(name)
    const store: Store = await ports.openStore(name)
    name = (await getPointer(store).finally(() => store.close()))?.to
  }
  return names
}

/**
 * The databases that something is still to be brought over from, oldest first. More than one where a log was adopted anew before
 * all was brought over from the first.
 */
export async function waitingOf(ports: HostPorts, current: Store): Promise<readonly Ended[]> {
  const waiting: Ended[] = []
  for (let name = await getFrom(current); name !== undefined; ) {
    const store = await ports.openStore(name)
    const ended = await Promise.all([getPointer(store), getFrom(store)]).finally(() => store.close())
    const [pointer, from] = ended
    if (pointer === undefined || pointer.bring === 'nothing') break
    waiting.unshift({ ...pointer, name })
    name = from
  }
  return waiting
}

/** The last one first: until the end, what is left still says that it is to be deleted. */
export async function deleteAll(
  { deleteStore = async () => true }: HostPorts,
  names: readonly string[],
): Promise<boolean> {
  let isDeleted = true
  for (const name of [...names].reverse()) isDeleted = isDeleted && (await deleteStore(name))
  return isDeleted
}

export const nextName = (name: string): string => {
  const [base, nth = '1'] = name.split('#')
  // No other part of a name has this character: they are encoded.
  return `${base}#${Number(nth) + 1}`
}
