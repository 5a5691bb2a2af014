import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { AutoTokenizer } from 'hfquant'
import { demoModel } from 'hfquant/demo'
import { wholeNumber } from '../measure/arguments.js'
import { findTemplates } from './template-files.js'
import {
  compareRendered,
  type Rendered,
  renderCase,
  type TemplateCase,
  type TemplateComparison,
  templateCases,
} from './templates.js'

export const TEMPLATES_USAGE = `  pnpm bench templates FOLDER --python BIN [--show 10]
                                                      renders the chat templates below FOLDER in ordinary conversations
                                                      with hfquant and with the transformers of a Python, and lists
                                                      what differs; exits with 1 if something does`

/** Compares chat templates with Python's and prints the figures. */
export async function compareTemplates(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { python: { type: 'string' }, show: { type: 'string', default: '10' } },
  })
  const [folder] = positionals
  if (folder === undefined || values.python === undefined) throw new TypeError(`usage:\n${TEMPLATES_USAGE}`)
  const cases = templateCases(await findTemplates(folder))
  const now = new Date()
  const tokenizer = await AutoTokenizer.fromPretrained(demoModel)
  const started = performance.now()
  const ours = cases.map((one) => renderCase(one, tokenizer, now))
  const milliseconds = performance.now() - started
  const comparison = compareRendered(cases, ours, await renderInPython(values.python, cases, now))
  console.log(formatComparison(comparison, milliseconds, wholeNumber('show', values.show, 0)))
  if (comparison.different.length > 0) process.exitCode = 1
}

async function renderInPython(
  python: string,
  cases: readonly TemplateCase[],
  now: Date,
): Promise<Rendered[]> {
  // Built into dist/, while the script stays among the sources.
  const script = fileURLToPath(new URL('../src/python-judge/templates.py', import.meta.url))
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  )
  child.stdin.end(
    JSON.stringify({
      now: now.getTime(),
      cases: cases.map(({ template, input }) => ({ template: template.source, input })),
    }),
  )
  const [output, status] = await Promise.all([text(child.stdout), ended])
  if (status !== 0) throw new Error(`${python} ended with ${status}; it needs transformers and jinja2`)
  return JSON.parse(output) as Rendered[]
}

function formatComparison(comparison: TemplateComparison, milliseconds: number, show: number): string {
  const { templates, conversations, equal, refusedAlike, different } = comparison
  const total = equal + refusedAlike + different.length
  const examples = different
    .slice(0, show)
    .map(
      ({ template, conversation, hfquant, python }) =>
        `\n${template} (${conversation})\n  hfquant ${JSON.stringify(hfquant)}\n  Python  ${JSON.stringify(python)}`,
    )
  return [
    `${templates} templates, ${conversations} conversations: ${total} prompts`,
    `  ${equal} equal, ${refusedAlike} refused alike, ${different.length} different`,
    `  ${(milliseconds / total).toFixed(2)} ms a prompt, parsing included`,
    ...examples,
  ].join('\n')
}
