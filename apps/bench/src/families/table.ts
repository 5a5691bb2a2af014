/** What was found about a family: nothing to say against it, or the reason. */
export type Finding = { readonly works: true } | { readonly works: false; readonly reason: string }

export interface FamilyRow {
  readonly family: string
  /** By column; a cell that no run has filled is absent. */
  readonly findings: ReadonlyMap<string, Finding>
}

const BEGIN = '<!-- families -->'
const END = '<!-- /families -->'
const NOT_RUN = 'not run'
const WORKS = '✓'

/**
 * A table in Markdown, with a numbered note for each reason why something does not work. Columns are padded as the
 * formatter of the repository does it.
 */
export function formatTable(columns: readonly string[], rows: readonly FamilyRow[]): string {
  const notes: string[] = []
  const cell = (finding: Finding | undefined) => {
    if (finding === undefined) return NOT_RUN
    if (finding.works) return WORKS
    if (!notes.includes(finding.reason)) notes.push(finding.reason)
    return `– (${notes.indexOf(finding.reason) + 1})`
  }
  const head = ['family', ...columns]
  const body = rows.map(({ family, findings }) => [
    `\`${family}\``,
    ...columns.map((column) => cell(findings.get(column))),
  ])
  const widths = head.map((_, index) => Math.max(...[head, ...body].map((cells) => cells[index]!.length)))
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const padded = ([family = '', ...others]: readonly string[]) =>
    line([family.padEnd(widths[0]!), ...others.map((text, index) => centred(text, widths[index + 1]!))])
  const [first = 0, ...others] = widths
  const rule = line(['-'.repeat(first), ...others.map((width) => `:${'-'.repeat(width - 2)}:`)])
  const table = [padded(head), rule, ...body.map(padded)]
  if (notes.length === 0) return table.join('\n')
  return [...table, '', ...notes.map((note, index) => `${index + 1}. ${note}`)].join('\n')
}

const centred = (text: string, width: number): string =>
  text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width)

/** A document with the table between its marks replaced. */
export function replaceTable(document: string, table: string): string {
  const { begin, end } = marksIn(document)
  return `${document.slice(0, begin)}\n${table}\n${document.slice(end)}`
}

/** The rows between the marks of a document. */
export function rowsIn(document: string): readonly FamilyRow[] {
  const { begin, end } = marksIn(document)
  const lines = document.slice(begin, end).split('\n')
  const notes = new Map(
    lines.flatMap((line) => {
      const [, number, note] = /^(\d+)\. (.*)$/.exec(line) ?? []
      return number === undefined ? [] : [[number, note!] as const]
    }),
  )
  const finding = (cell: string): Finding | undefined => {
    if (cell === WORKS) return { works: true }
    const reason = notes.get(/^– \((\d+)\)$/.exec(cell)?.[1] ?? '')
    return reason === undefined ? undefined : { works: false, reason }
  }
  const [head = [], , ...body] = lines.filter((line) => line.startsWith('|')).map(cellsOf)
  return body.map(([family = '', ...cells]) => ({
    family: family.replaceAll('`', ''),
    findings: new Map(
      cells.flatMap((cell, index) => {
        const found = finding(cell)
        return found === undefined ? [] : [[head[index + 1]!, found] as const]
      }),
    ),
  }))
}

const cellsOf = (line: string): readonly string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())

function marksIn(document: string): { readonly begin: number; readonly end: number } {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin < 0 || end < begin) throw new RangeError(`the document has no ${BEGIN} … ${END}`)
  return { begin: begin + BEGIN.length, end }
}

/** A row for each of `families`: what was found now, and of all that was left out what was found before. */
export function mergedRows(
  families: readonly string[],
  before: readonly FamilyRow[],
  now: readonly FamilyRow[],
): readonly FamilyRow[] {
  const of = (rows: readonly FamilyRow[], name: string) =>
    rows.find(({ family }) => family === name)?.findings ?? []
  return families.map((family) => ({
    family,
    findings: new Map([...of(before, family), ...of(now, family)]),
  }))
}
