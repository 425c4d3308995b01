import type { Locks } from '../src/core/ports.ts'
import type { Retentions } from '../src/core/retention.ts'
import type { Appender } from '../src/log/appender.ts'
import type { Engine } from '../src/log/engine.ts'
import { Eraser } from '../src/log/eraser.ts'
import { Retainer } from '../src/log/retainer.ts'
import type { SealOptions } from '../src/log/seal.ts'
import { Sealer } from '../src/log/sealer.ts'

/** What keeps a log small and clean, in the background. */
export interface Tidying {
  /** Called after the log moved. */
  readonly look: () => void
  readonly close: () => void
}
interface TidyOptions {
  readonly locks: Locks
  readonly name: string
  readonly sealing: SealOptions
  readonly retentions: Retentions | undefined
}

export function tidy(
  engine: Engine,
  appender: Appender,
  { locks, name, sealing, retentions = {} }: TidyOptions,
): Tidying {
  const sealer = new Sealer(engine, locks, name, sealing)
  const eraser = new Eraser(engine, locks, name, sealing)
  const retainer = new Retainer(engine, appender, locks, name, retentions)
  return {
    look: () => {
      sealer.look()
      eraser.look()
    },
    close: () => {
      sealer.close()
      eraser.close()
      retainer.close()
    },
  }
}
