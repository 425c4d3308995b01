// The ratios against their goals as a picture: one bar each, from the goal to what was measured, on a scale of doublings.
import { goalText, number } from './report.js'

const width = 360
const top = 40
const lineHeight = 15
/** Height of a bar with the room around it. */
const barHeight = 30
const left = 12
const right = 12
/** The scale ends at four times worse and better than the goal. */
const doublingsMax = 2
const middle = width / 2
const step = (middle - Math.max(left, right)) / doublingsMax
const lineCharacters = 52

const style = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .quiet { fill: #59636e; font-size: 11px }
  .title { font-size: 14px; font-weight: 600 }
  .page { fill: #ffffff }
  .goal { stroke: #59636e; stroke-width: 1.5 }
  .grid { stroke: #d1d9e0 }
  .met { fill: #0b7d6b }
  .missed { fill: #b54708 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .quiet { fill: #9198a1 }
    .page { fill: #0d1117 }
    .goal { stroke: #9198a1 }
    .grid { stroke: #3d444d }
    .met { fill: #2dbfa5 }
    .missed { fill: #f0883e }
  }`

const escapeXml = (text) => text.replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

/** A text in lines that fit. */
const wrap = (text) => {
  const lines = ['']
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trim()
    if (longer.length > lineCharacters) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines
}

/** How much better than its goal a ratio is: 1 is the goal. */
const reached = ({ median, goal, lowerIsBetter }) => (lowerIsBetter ? goal / median : median / goal)
const xOf = (factor) => middle + step * Math.max(-doublingsMax, Math.min(doublingsMax, Math.log2(factor)))

/** One ratio: its text, the scale, and its bar with the values on the free side of the goal. */
const row = (ratio, y) => {
  const x = xOf(reached(ratio))
  const from = Math.min(x, middle)
  const length = Math.max(1, Math.abs(x - middle))
  const isLeft = x < middle
  const values = `${number(ratio.median)}, goal ${goalText(ratio)}: ${ratio.isMet ? 'met' : 'missed'}`
  const lines = wrap(ratio.text)
  const barY = y + lines.length * lineHeight
  const texts = lines.map((line, nth) => `<text x="${left}" y="${y + nth * lineHeight + 10}">${escapeXml(line)}</text>`)
  const height = lines.length * lineHeight + barHeight
  const text = `<g>
    ${texts.join('\n    ')}
    ${factors.map((factor) => scaleLine(factor, barY - 1, barY + 15)).join('\n    ')}
    <rect class="${ratio.isMet ? 'met' : 'missed'}" x="${from.toFixed(1)}" y="${barY + 2}" width="${length.toFixed(1)}" height="10" rx="2"/>
    <text class="quiet" x="${middle + (isLeft ? 6 : -6)}" y="${barY + 11}" text-anchor="${isLeft ? 'start' : 'end'}">${escapeXml(values)}</text>
  </g>`
  return { text, height }
}

const factors = [0.25, 0.5, 1, 2, 4]
const scaleLine = (factor, from, to) => {
  const x = xOf(factor).toFixed(1)
  return `<line class="${factor === 1 ? 'goal' : 'grid'}" x1="${x}" x2="${x}" y1="${from}" y2="${to}"/>`
}
const scaleText = (factor) => {
  const word = factor === 1 ? 'goal' : `${factor}×`
  const anchor = factor === factors[0] ? 'start' : factor === factors.at(-1) ? 'end' : 'middle'
  return `<text class="quiet" x="${xOf(factor).toFixed(1)}" y="36" text-anchor="${anchor}">${word}</text>`
}

/** The picture of the ratios that have a goal, of one or more results; those of a later one say how large its log is. */
export const toChart = ([result, ...others]) => {
  const named = others.flatMap(({ ratios, options: { largeEvents } }) =>
    ratios.map((ratio) => ({ ...ratio, text: `${largeEvents} events: ${ratio.text}` })),
  )
  const rows = []
  let height = top + 8
  for (const ratio of [...result.ratios, ...named].filter(({ goal }) => goal !== undefined)) {
    const drawn = row(ratio, height)
    rows.push(drawn.text)
    height += drawn.height
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="How far each goal is reached">
  <style>${style}
  </style>
  <rect class="page" width="${width}" height="${height}"/>
  <text class="title" x="${left}" y="18">Better than the goal, to the right</text>
  ${factors.map(scaleText).join('\n  ')}
  ${rows.join('\n  ')}
</svg>
`
}
