const asked = process.env.TIDELOG_RUNS

/** How often a property runs, and in how many milliseconds. The long set asks for more runs, which may take their time. */
export const repeated = (numRuns: number, timeout: number): { readonly numRuns: number; readonly timeout: number } =>
  asked === undefined ? { numRuns, timeout } : { numRuns: Number(asked), timeout: 3_600_000 }
