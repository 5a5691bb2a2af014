/** What was found about a family: nothing to say against it, or the reason. */
export type Finding = { readonly works: true } | { readonly works: false; readonly reason: string }

export interface FamilyRow {
  readonly family: string
  /** By column. */
  readonly findings: ReadonlyMap<string, Finding>
}

const BEGIN = '<!-- families -->'
const END = '<!-- /families -->'

/** A table in Markdown, with a numbered note for each reason why something does not work. */
export function formatTable(columns: readonly string[], rows: readonly FamilyRow[]): string {
  const notes: string[] = []
  const cell = (finding: Finding | undefined) => {
    if (finding === undefined) return 'not run'
    if (finding.works) return '✓'
    if (!notes.includes(finding.reason)) notes.push(finding.reason)
    return `– (${notes.indexOf(finding.reason) + 1})`
  }
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const body = rows.map(({ family, findings }) =>
    line([`\`${family}\``, ...columns.map((column) => cell(findings.get(column)))]),
  )
  const table = [line(['family', ...columns]), line(['---', ...columns.map(() => ':-:')]), ...body]
  return [...table, '', ...notes.map((note, index) => `${index + 1}. ${note}`)].join('\n')
}

/** A document with the table between its marks replaced. */
export function replaceTable(document: string, table: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin < 0 || end < begin) throw new RangeError(`the document has no ${BEGIN} … ${END}`)
  return `${document.slice(0, begin + BEGIN.length)}\n${table}\n${document.slice(end)}`
}

/** The families that a document has rows for. */
export function familiesIn(document: string): readonly string[] {
  const table = document.slice(document.indexOf(BEGIN), document.indexOf(END))
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, family]) => family!)
}
