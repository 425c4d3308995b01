/** Ends the program with one line that says what is wrong and what to do. */
export class Failure extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** The program was called in a way that can't be meant. */
export const misuse = (message: string): never => {
  throw new Failure(message, 2)
}

export const fail = (message: string, cause?: unknown): never => {
  throw new Failure(message, 1, { cause })
}
