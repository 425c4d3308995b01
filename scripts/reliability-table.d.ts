type Rows = readonly object[]
interface Figures {
  readonly kills: Rows
  readonly fuzz: Rows
  readonly engines: Rows
}
export declare function merge(known: Partial<Figures>, news: Partial<Figures>): Figures
export declare function render(figures: Figures): string
