import type { Metadata } from './commit.ts'
import { hashText } from './digest.ts'

/** An event that another one follows from. */
export interface Cause {
  readonly id: string
  readonly metadata?: Metadata | undefined
}

const traceparentPattern = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/

/** Metadata for what follows from an event: the same correlation and trace, the event as its cause. */
export function causedBy({ id, metadata = {} }: Cause): Metadata {
  const { correlationId = id, traceparent = '' } = metadata
  const [, trace, flags] = traceparentPattern.exec(traceparent) ?? []
  return { correlationId, causationId: id, ...(trace && { traceparent: `00-${trace}-${hashText(id)}-${flags}` }) }
}
