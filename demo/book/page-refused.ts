import type { AppendRefused } from 'tidelog'

/** The log said no to a page. */
export class PageRefused extends Error {
  readonly reason: AppendRefused

  constructor(reason: AppendRefused) {
    super(reason.message)
    this.reason = reason
  }
}
