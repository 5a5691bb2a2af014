import type { FigureRow, Report } from './report.js'

const WIDTH = 860
const LABELS = 300
const VALUES = 130
const BAR = 16
const ROW = 22
const TITLE = 34
const COLORS: Readonly<Record<string, string>> = {
  hfquant: '#2f6fdf',
  'node-llama-cpp': '#8a8f98',
  'transformers.js': '#d9a23b',
}
const OTHER_COLOR = '#5a9e6f'

/** Bars of every figure: medians, with a line from the least to the most. A complete SVG document. */
export function drawChart({ figures, machine, threads }: Report): string {
  const body: string[] = []
  let y = TITLE
  for (const figure of new Set(figures.map((row) => row.figure))) {
    const rows = figures.filter((row) => row.figure === figure)
    body.push(text(16, y + 14, `${figure}, ${rows[0]!.unit}`, 'font-weight="600"'))
    y += TITLE - 10
    const largest = Math.max(...rows.map(({ most }) => most))
    for (const row of rows) {
      body.push(bar(row, y, largest))
      y += ROW
    }
    y += 14
  }
  const title = `${machine.processor}, ${threads} threads`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    text(16, 20, title, 'fill="#5b616b"'),
    ...body,
    '</svg>',
    '',
  ].join('\n')
}

function bar({ contender, median, least, most }: FigureRow, y: number, largest: number): string {
  const length = (value: number) => ((WIDTH - LABELS - VALUES) * value) / (largest || 1)
  const [start, end, middle] = [LABELS + length(least), LABELS + length(most), y + BAR / 2]
  const color = COLORS[contender.split(' ')[0]!] ?? OTHER_COLOR
  return [
    text(LABELS - 10, y + 12, contender, 'text-anchor="end"'),
    `<rect x="${LABELS}" y="${y}" width="${length(median).toFixed(1)}" height="${BAR}" fill="${color}"/>`,
    `<path d="M${start.toFixed(1)} ${middle}H${end.toFixed(1)}" stroke="#1c1f24" stroke-width="1.5"/>`,
    text(end + 8, y + 12, median.toPrecision(3)),
  ].join('\n')
}

const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escapeXml(content)}</text>`

const escapeXml = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
