import { hashText } from '../core/digest.ts'
import { mustBe } from '../core/errors.ts'
import { isCount } from '../core/guard.ts'
import type { ConsumerOptions } from './types.ts'

interface Sharded {
  readonly stream: string
  readonly type: string
}
export interface Shard {
  readonly index: number
  readonly of: number
  readonly keyOf: (event: Sharded) => string
  /** The key is in what is stored: an event need not be decoded to be told apart. */
  readonly isStored: boolean
}

export function shardOf({ index, of, by = 'stream' }: NonNullable<ConsumerOptions['shard']>): Shard {
  mustBe(isCount(of, 1), 'shard.of', of)
  mustBe(isCount(index) && index < of, 'shard.index', index)
  mustBe(by === 'stream' || by === 'type' || typeof by === 'function', 'shard.by', by)
  const isStored = typeof by !== 'function'
  return { index, of, isStored, keyOf: isStored ? (event) => event[by] : (event) => by(event as never) }
}

/** Whether an event falls to a shard: by its key alone, so that every device and every run says the same. */
export const fallsTo = ({ index, of, keyOf }: Shard, event: Sharded): boolean =>
  Number.parseInt(hashText(keyOf(event)).slice(8), 16) % of === index
