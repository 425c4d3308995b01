/** Work that has begun, in log order: how far all of it is done. */
export class Watermark {
  readonly #begun: { readonly through: number; isDone: boolean }[] = []
  /** Everything up to here is done. */
  position: number

  constructor(position: number) {
    this.position = position
  }

  get active(): number {
    return this.#begun.length
  }

  /** Begins what reaches up to a position; the answer ends it. */
  begin(through: number): () => void {
    const own = { through, isDone: false }
    this.#begun.push(own)
    return () => {
      own.isDone = true
      while (this.#begun[0]?.isDone) this.position = (this.#begun.shift() ?? own).through
    }
  }

  /** Nothing up to a position is left to begin. */
  cover(through: number): void {
    if (this.#begun.length === 0) this.position = Math.max(this.position, through)
  }
}
