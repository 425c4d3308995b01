import { sum } from './statistics.ts'

declare global {
  interface Performance {
    /** Only where the page is isolated from other origins. The browser collects garbage first. */
    measureUserAgentSpecificMemory(): Promise<{
      readonly breakdown: readonly {
        readonly bytes: number
        readonly attribution: readonly { readonly scope: string }[]
      }[]
    }>
  }
}

/** What the workers of this page hold in memory, without garbage. */
export async function workerMegabytes(): Promise<number> {
  const { breakdown } = await performance.measureUserAgentSpecificMemory()
  const inWorkers = breakdown.filter(({ attribution }) =>
    attribution.some(({ scope }) => scope === 'DedicatedWorkerGlobalScope'),
  )
  return sum(inWorkers.map(({ bytes }) => bytes)) / 1e6
}
